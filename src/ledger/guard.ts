import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Holdings, Share } from './share.ts';

/** Losses that come within this time, in milliseconds, count as one event. */
export const lossWindow = 2000;

/** What one resource gave to a trust domain and gives no more. */
interface Loss {
  readonly at: number;
  readonly share: Share;
}

interface Hold {
  readonly until: number;
  readonly share: Share;
}

interface MeshGuard {
  /** What the source gave at the last step, without what is held. */
  readonly given: ReadonlyMap<TrustDomain, readonly Share[]>;
  /** What was lost within the window and has not come back, of trust domains that are still given as well. */
  readonly losses: ReadonlyMap<TrustDomain, readonly Loss[]>;
  readonly held: ReadonlyMap<TrustDomain, readonly Hold[]>;
  /** Trust domains that came with a loss or within the window after it, by when: they make up for nothing. */
  readonly newcomers: ReadonlyMap<TrustDomain, number>;
  /** When files or objects of this mesh were deleted, within the window. */
  readonly deletions: readonly number[];
}

/** The mass-loss guard of one source. */
export type GuardState = ReadonlyMap<string, MeshGuard>;

export const initialGuard: GuardState = new Map();

export interface GuardInput {
  readonly holdings: Holdings;
  /** How many files or objects of each mesh were deleted in this step. */
  readonly deleted: ReadonlyMap<string, number>;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** How long a mass loss is held, in milliseconds; 0 switches the guard off. */
  readonly holdMs: number;
}

/** A trust domain of which something is held, and when the last of that ends, in the time of `now`. */
export interface HeldTrustDomain {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  readonly until: number;
}

export interface GuardResult {
  readonly state: GuardState;
  readonly holdings: Holdings;
  readonly held: readonly HeldTrustDomain[];
  readonly findings: readonly Finding[];
  /** When the next hold ends, in the time of `now`. */
  readonly deadline: number | undefined;
}

const emptyMesh: MeshGuard = {
  given: new Map(),
  losses: new Map(),
  held: new Map(),
  newcomers: new Map(),
  deletions: [],
};

/**
 * Believes a mass loss only when it lasts: when more than half of a mesh's trust domains, or all of them,
 * go within the window, those are held as they were: with all that each lost within the window, since the
 * files of one trust domain need not go in one step, and until each resource is back by itself, since they
 * need not come back in one either. The loss of the only trust domain of a mesh by the deletion of one file
 * or object is a decision, not an accident, and applies at once.
 */
export function guard(state: GuardState, input: GuardInput): GuardResult {
  const next = new Map<string, MeshGuard>();
  for (const mesh of new Set([...state.keys(), ...input.holdings.keys()])) {
    const after = guardMesh(state.get(mesh) ?? emptyMesh, mesh, input);
    if (after.given.size + after.losses.size + after.held.size > 0) next.set(mesh, after);
  }
  return render(next, input.holdings);
}

/** Lets go of everything that is held. */
export function release(state: GuardState, holdings: Holdings): GuardResult {
  const next = new Map(
    [...state].map(([mesh, { given, deletions }]) => [mesh, { ...emptyMesh, given, deletions }]),
  );
  return render(next, holdings);
}

function guardMesh(
  before: MeshGuard,
  mesh: string,
  { holdings, deleted, now, holdMs }: GuardInput,
): MeshGuard {
  const given = holdings.get(mesh) ?? new Map<TrustDomain, readonly Share[]>();
  const fresh = Array.from({ length: deleted.get(mesh) ?? 0 }, () => now);
  const deletions = [...before.deletions.filter((at) => now - at < lossWindow), ...fresh];
  const held = keep(before.held, given, ({ until }) => now < until);
  const losses = keep(before.losses, given, ({ at }) => now - at < lossWindow);
  // What was let go when its time was over is not held once more by the next loss.
  for (const name of before.held.keys()) if (!held.has(name)) losses.delete(name);
  let isAnyLost = false;
  for (const [name, shares] of before.given) {
    const lost = missingOf(shares, given.get(name));
    if (lost.length === 0) continue;
    losses.set(name, [...(losses.get(name) ?? []), ...lost.map((share) => ({ at: now, share }))]);
    isAnyLost ||= !given.has(name);
  }
  const lost = [...losses.keys()].filter((name) => !given.has(name));
  const newcomers = newcomersOf(before, given, lost.length > 0, now);
  const after = { given, losses, held, newcomers, deletions };
  const isOneDeletion = fresh.length === 1 && deletions.length === 1;
  if (!isAnyLost || holdMs === 0 || !isMassLoss(after, lost, isOneDeletion)) return after;
  for (const name of lost) {
    const kept = held.get(name) ?? [];
    const more = (losses.get(name) ?? []).filter(({ share }) => !kept.some((hold) => hold.share === share));
    held.set(name, [...kept, ...more.map(({ share }) => ({ until: now + holdMs, share }))]);
  }
  return after;
}

function newcomersOf(
  before: MeshGuard,
  given: MeshGuard['given'],
  isAfterLoss: boolean,
  now: number,
): MeshGuard['newcomers'] {
  const newcomers = new Map(
    [...before.newcomers].filter(([name, at]) => given.has(name) && now - at < lossWindow),
  );
  if (!isAfterLoss) return newcomers;
  const known = [before.given, before.losses, before.held];
  for (const name of given.keys()) if (!known.some((names) => names.has(name))) newcomers.set(name, now);
  return newcomers;
}

function isMassLoss(
  { given, losses, held, newcomers }: MeshGuard,
  lost: readonly TrustDomain[],
  isOneDeletion: boolean,
): boolean {
  const remaining = given.size - newcomers.size;
  const heldBefore = [...held.keys()].filter((name) => !given.has(name) && !losses.has(name));
  const total = remaining + lost.length + heldBefore.length;
  if (total === 1 && isOneDeletion) return false;
  return remaining === 0 || lost.length * 2 > total;
}

/** Those of each trust domain that pass, and whose resource does not give to it again. */
function keep<T extends Loss | Hold>(
  all: ReadonlyMap<TrustDomain, readonly T[]>,
  given: ReadonlyMap<TrustDomain, readonly Share[]>,
  passes: (item: T) => boolean,
): Map<TrustDomain, readonly T[]> {
  const kept = new Map<TrustDomain, readonly T[]>();
  for (const [name, items] of all) {
    const shares = items.map(({ share }) => share);
    const missing = new Set(missingOf(shares, given.get(name)));
    const some = items.filter((item) => missing.has(item.share) && passes(item));
    if (some.length > 0) kept.set(name, some);
  }
  return kept;
}

/** The shares of resources that are no longer among those that give. */
function missingOf(shares: readonly Share[], given: readonly Share[] | undefined): readonly Share[] {
  if (given === undefined) return shares;
  // The usual case, in which nothing came or went.
  if (shares.every(({ identity }, index) => identity === given[index]?.identity)) return [];
  const present = new Set(given.map(({ identity }) => identity));
  return shares.filter(({ identity }) => !present.has(identity));
}

function render(state: GuardState, holdings: Holdings): GuardResult {
  const joined = new Map(holdings);
  const held: HeldTrustDomain[] = [];
  let deadline: number | undefined;
  for (const [mesh, { given, held: holds }] of state) {
    if (holds.size === 0) continue;
    const domains = new Map(given);
    for (const [trustDomain, items] of holds) {
      domains.set(trustDomain, [...(given.get(trustDomain) ?? []), ...items.map(({ share }) => share)]);
      const times = items.map(({ until }) => until);
      held.push({ mesh, trustDomain, until: times.reduce((a, b) => Math.max(a, b)) });
      deadline = times.reduce((a, b) => Math.min(a, b), deadline ?? Infinity);
    }
    joined.set(mesh, domains);
  }
  const findings = held.map(({ mesh, trustDomain }) =>
    finding(
      'MT042',
      `trust domain ${trustDomain} was lost together with most of its mesh; what has not come back is served until the hold ends`,
      { mesh, trustDomain },
    ),
  );
  return { state, holdings: held.length === 0 ? holdings : joined, held, findings, deadline };
}
