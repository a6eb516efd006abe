import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { GoneEvidence } from '../source.ts';
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

/** A file or object of a mesh that went. */
interface Departure {
  readonly at: number;
  readonly evidence: GoneEvidence;
}

interface MassLoss {
  readonly at: number;
  /** What became of it: applied at once as a decision, or held as an accident. */
  readonly verdict: 'believed' | 'held';
}

interface MeshGuard {
  /** What the source gave at the last step, without what is held. */
  readonly given: ReadonlyMap<TrustDomain, readonly Share[]>;
  /** What was lost within the window and has not come back, of trust domains that are still given as well. */
  readonly losses: ReadonlyMap<TrustDomain, readonly Loss[]>;
  readonly held: ReadonlyMap<TrustDomain, readonly Hold[]>;
  /** Trust domains that came with a loss or within the window after it, by when: they make up for nothing. */
  readonly newcomers: ReadonlyMap<TrustDomain, number>;
  /** The files and objects of this mesh that went within the window. */
  readonly departures: readonly Departure[];
  /** The last one within the window. */
  readonly massLoss: MassLoss | undefined;
}

/** The mass-loss guard of one source. */
export type GuardState = ReadonlyMap<string, MeshGuard>;

export const initialGuard: GuardState = new Map();

export interface GuardInput {
  readonly holdings: Holdings;
  /** The files or objects of each mesh that went in this step, by how that is known. */
  readonly gone: ReadonlyMap<string, readonly GoneEvidence[]>;
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
  departures: [],
  massLoss: undefined,
};

/**
 * Believes a mass loss only when it lasts: when more than half of a mesh's trust domains, or all of them,
 * go within the window, those are held as they were: with all that each lost within the window, since the
 * files of one trust domain need not go in one step, and until each resource is back by itself, since they
 * need not come back in one either. The loss of the only trust domain of a mesh by the deletion of one file
 * or object is a decision, not an accident, and applies at once: if the deletion was seen, and no other mesh
 * of the source has a mass loss in the same window, as it has when a CRD goes that held one object for each.
 */
export function guard(state: GuardState, input: GuardInput): GuardResult {
  const next = new Map<string, MeshGuard>();
  for (const mesh of new Set([...state.keys(), ...input.holdings.keys()])) {
    const after = guardMesh(state.get(mesh) ?? emptyMesh, mesh, input);
    if (after.given.size + after.losses.size + after.held.size > 0) next.set(mesh, after);
  }
  const struck = [...next].filter(([, { massLoss }]) => massLoss !== undefined);
  if (struck.length > 1)
    for (const [mesh, after] of struck)
      if (after.massLoss?.verdict === 'believed') next.set(mesh, holdLost(after, input));
  return render(next, input.holdings);
}

/** Ends the holds of the trust domains that `selects` chooses; of all by default. */
export function release(
  state: GuardState,
  holdings: Holdings,
  selects: (mesh: string, trustDomain: TrustDomain) => boolean = () => true,
): GuardResult {
  const next = new Map<string, MeshGuard>();
  for (const [mesh, before] of state) {
    const staying = new Map([...before.held].filter(([name]) => !selects(mesh, name)));
    if (staying.size === 0) {
      const { given, departures } = before;
      next.set(mesh, { ...emptyMesh, given, departures });
    } else {
      // What is released is not held once more by the next loss.
      const losses = new Map([...before.losses].filter(([name]) => !selects(mesh, name)));
      next.set(mesh, { ...before, held: staying, losses });
    }
  }
  return render(next, holdings);
}

function guardMesh(before: MeshGuard, mesh: string, input: GuardInput): MeshGuard {
  const { holdings, gone, now, holdMs } = input;
  const given = holdings.get(mesh) ?? new Map<TrustDomain, readonly Share[]>();
  const fresh = gone.get(mesh) ?? [];
  const held = keep(before.held, given, ({ until }) => now < until);
  const losses = keep(before.losses, given, ({ at }) => now - at < lossWindow);
  // A loss that was undone is no loss, and the departures that caused it count no more.
  const [were, are] = [timesOf(before.losses), timesOf(losses)];
  const departures = [
    ...before.departures.filter(({ at }) => now - at < lossWindow && (are.has(at) || !were.has(at))),
    ...fresh.map((evidence) => ({ at: now, evidence })),
  ];
  // What was let go when its time was over is not held once more by the next loss.
  for (const name of before.held.keys()) if (!held.has(name)) losses.delete(name);
  let isAnyLost = false;
  for (const [name, shares] of before.given) {
    const lost = missingOf(shares, given.get(name));
    if (lost.length === 0) continue;
    losses.set(name, [...(losses.get(name) ?? []), ...lost.map((share) => ({ at: now, share }))]);
    isAnyLost ||= !given.has(name);
  }
  const lost = lostOf({ given, losses });
  const newcomers = newcomersOf(before, given, lost.length > 0, now);
  const isRecent = before.massLoss !== undefined && now - before.massLoss.at < lossWindow;
  const massLoss = isRecent && lost.length > 0 ? before.massLoss : undefined;
  const after = { given, losses, held, newcomers, departures, massLoss };
  if (!isAnyLost || holdMs === 0 || !isMassLoss(after, lost)) return after;
  const isOneDeletion = fresh.length === 1 && departures.length === 1 && fresh[0] === 'deletion';
  if (isOneDeletion && sizeBefore(after, lost) === 1)
    return { ...after, massLoss: { at: now, verdict: 'believed' } };
  return holdLost(after, input);
}

function timesOf(losses: MeshGuard['losses']): ReadonlySet<number> {
  return new Set([...losses.values()].flatMap((some) => some.map(({ at }) => at)));
}

/** Trust domains that were lost within the window and are not given any more. */
function lostOf({ given, losses }: Pick<MeshGuard, 'given' | 'losses'>): readonly TrustDomain[] {
  return [...losses.keys()].filter((name) => !given.has(name));
}

/** Holds everything that was lost within the window and is not held yet. */
function holdLost(mesh: MeshGuard, { now, holdMs }: GuardInput): MeshGuard {
  const held = new Map(mesh.held);
  for (const name of lostOf(mesh)) {
    const kept = held.get(name) ?? [];
    const more = (mesh.losses.get(name) ?? []).filter(
      ({ share }) => !kept.some((hold) => hold.share === share),
    );
    held.set(name, [...kept, ...more.map(({ share }) => ({ until: now + holdMs, share }))]);
  }
  return { ...mesh, held, massLoss: { at: now, verdict: 'held' } };
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

function isMassLoss(mesh: MeshGuard, lost: readonly TrustDomain[]): boolean {
  return remainingOf(mesh) === 0 || lost.length * 2 > sizeBefore(mesh, lost);
}

function remainingOf({ given, newcomers }: MeshGuard): number {
  return given.size - newcomers.size;
}

/** How many trust domains the mesh had before the loss. */
function sizeBefore(mesh: MeshGuard, lost: readonly TrustDomain[]): number {
  const { given, losses, held } = mesh;
  const heldBefore = [...held.keys()].filter((name) => !given.has(name) && !losses.has(name));
  return remainingOf(mesh) + lost.length + heldBefore.length;
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
      `trust domain ${trustDomain} was lost together with most of its mesh; it is still served, until the hold ends or it comes back`,
      { mesh, trustDomain },
    ),
  );
  return { state, holdings: held.length === 0 ? holdings : joined, held, findings, deadline };
}
