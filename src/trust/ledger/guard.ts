import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { GoneEvidence } from '../source.ts';
import type { Holdings, Share } from './share.ts';

/** Losses within this time, in milliseconds, count as one event. */
export const lossWindow = 2000;

/** A share that a resource contributed to a trust domain and no longer contributes. */
interface Loss {
  readonly at: number;
  readonly share: Share;
}

interface Hold {
  readonly until: number;
  readonly share: Share;
}

/** The removal of a file or object of a mesh. */
interface Removal {
  readonly at: number;
  readonly evidence: GoneEvidence;
}

interface MassLoss {
  readonly at: number;
  /** `applied` at once as a decision of the operator, or `held` as a possible accident. */
  readonly outcome: 'applied' | 'held';
}

interface MeshGuard {
  /** The shares of the source at the last step, without the held ones. */
  readonly current: ReadonlyMap<TrustDomain, readonly Share[]>;
  /** Losses within the window that were not undone, also of trust domains that still have other shares. */
  readonly losses: ReadonlyMap<TrustDomain, readonly Loss[]>;
  readonly held: ReadonlyMap<TrustDomain, readonly Hold[]>;
  /** Trust domains added with a loss or within the window after it, by time: they do not offset the loss. */
  readonly addedDomains: ReadonlyMap<TrustDomain, number>;
  /** The removals of files and objects of this mesh within the window. */
  readonly removals: readonly Removal[];
  /** The last mass loss within the window. */
  readonly massLoss: MassLoss | undefined;
}

/** The mass-loss guard of one source. */
export type GuardState = ReadonlyMap<string, MeshGuard>;

/** The state before the first step. */
export const initialGuard: GuardState = new Map();

/** One step of a source. */
export interface GuardInput {
  readonly holdings: Holdings;
  /** The files or objects of each mesh that were removed in this step, by the evidence of the removal. */
  readonly removals: ReadonlyMap<string, readonly GoneEvidence[]>;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** The duration of a hold in milliseconds; 0 switches the guard off. */
  readonly holdMs: number;
}

/** A trust domain with held shares. `until` is the end of its last hold, on the clock of `now`. */
interface HeldTrustDomain {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  readonly until: number;
}

/** The result of one step: the holdings in force, including held shares, and the next state. */
export interface GuardResult {
  readonly state: GuardState;
  readonly holdings: Holdings;
  readonly held: readonly HeldTrustDomain[];
  readonly findings: readonly Finding[];
  /** When the next hold ends, on the clock of `now`. */
  readonly deadline: number | undefined;
}

const emptyMesh: MeshGuard = {
  current: new Map(),
  losses: new Map(),
  held: new Map(),
  addedDomains: new Map(),
  removals: [],
  massLoss: undefined,
};

/**
 * Applies a mass loss only after it has lasted for the hold. A mass loss is the removal of more than half of the trust
 * domains of a mesh, or of all of them, within the window.
 *
 * The lost trust domains are held as they were, with every share that they lost within the window, because the files of
 * one trust domain may be removed in several steps. The hold of a share ends when its resource returns, because the
 * files may also return in several steps.
 *
 * The loss of the only trust domain of a mesh by the deletion of one file or object is a decision, not an accident, and
 * applies at once. The deletion must have been observed, and no other mesh of the source may have a mass loss within
 * the window: the deletion of a CRD deletes the only object of many meshes.
 */
export function guard(state: GuardState, input: GuardInput): GuardResult {
  const next = new Map<string, MeshGuard>();
  for (const mesh of new Set([...state.keys(), ...input.holdings.keys()])) {
    const after = guardMesh(state.get(mesh) ?? emptyMesh, mesh, input);
    if (after.current.size + after.losses.size + after.held.size > 0) next.set(mesh, after);
  }
  const affected = [...next].filter(([, { massLoss }]) => massLoss !== undefined);
  if (affected.length > 1)
    for (const [mesh, after] of affected)
      if (after.massLoss?.outcome === 'applied') next.set(mesh, holdLost(after, input));
  return render(next, input.holdings);
}

/** Returns the state as if these trust domains had never been there. */
export function forgetDomains(
  state: GuardState,
  isForgotten: ((mesh: string, trustDomain: TrustDomain) => boolean) | undefined,
): GuardState {
  if (isForgotten === undefined) return state;
  return new Map(
    [...state].map(([mesh, before]) => {
      const rest = <T>(all: ReadonlyMap<TrustDomain, T>): ReadonlyMap<TrustDomain, T> =>
        new Map([...all].filter(([name]) => !isForgotten(mesh, name)));
      const [current, losses, held] = [rest(before.current), rest(before.losses), rest(before.held)];
      return [mesh, { ...before, current, losses, held, addedDomains: rest(before.addedDomains) }];
    }),
  );
}

/**
 * Ends the holds of the trust domains that `selects` accepts, by default all. Losses that are not held yet stay in
 * their window: they may be the first part of a mass loss.
 */
export function release(
  state: GuardState,
  holdings: Holdings,
  selects: (mesh: string, trustDomain: TrustDomain) => boolean = () => true,
): GuardResult {
  const next = new Map<string, MeshGuard>();
  for (const [mesh, before] of state)
    next.set(
      mesh,
      releaseMesh(before, (name) => selects(mesh, name)),
    );
  return render(next, holdings);
}

function releaseMesh(before: MeshGuard, isSelected: (trustDomain: TrustDomain) => boolean): MeshGuard {
  const applied = before.massLoss?.outcome === 'applied' ? lostOf(before) : [];
  const released = new Set([...before.held.keys(), ...applied].filter(isSelected));
  if (released.size === 0) return before;
  const held = new Map([...before.held].filter(([name]) => !released.has(name)));
  // The next loss must not hold released shares again.
  const losses = new Map([...before.losses].filter(([name]) => !released.has(name)));
  const { current, removals } = before;
  return held.size + losses.size === 0 ? { ...emptyMesh, current, removals } : { ...before, held, losses };
}

function guardMesh(before: MeshGuard, mesh: string, input: GuardInput): MeshGuard {
  const { holdings, now, holdMs } = input;
  const current = holdings.get(mesh) ?? new Map<TrustDomain, readonly Share[]>();
  const newRemovals = input.removals.get(mesh) ?? [];
  const held = keep(before.held, current, ({ until }) => now < until);
  const losses = keep(before.losses, current, ({ at }) => now - at < lossWindow);
  // A loss that was undone no longer counts, and neither do the removals that caused it.
  const [timesBefore, timesNow] = [timesOf(before.losses), timesOf(losses)];
  const isUndone = (at: number): boolean => timesBefore.has(at) && !timesNow.has(at);
  const removals = [
    ...before.removals.filter(({ at }) => now - at < lossWindow && !isUndone(at)),
    ...newRemovals.map((evidence) => ({ at: now, evidence })),
  ];
  // The next loss must not hold shares again whose hold has expired.
  for (const name of before.held.keys()) if (!held.has(name)) losses.delete(name);
  let isAnyLost = false;
  for (const [name, shares] of before.current) {
    const lost = missingOf(shares, current.get(name));
    if (lost.length === 0) continue;
    losses.set(name, [...(losses.get(name) ?? []), ...lost.map((share) => ({ at: now, share }))]);
    isAnyLost ||= !current.has(name);
  }
  const lost = lostOf({ current, losses });
  const addedDomains = addedDomainsOf(before, current, lost.length > 0, now);
  const isRecent = before.massLoss !== undefined && now - before.massLoss.at < lossWindow;
  const massLoss = isRecent && lost.length > 0 ? before.massLoss : undefined;
  const after = { current, losses, held, addedDomains, removals, massLoss };
  if (!isAnyLost || holdMs === 0 || !isMassLoss(after, lost)) return after;
  const isOneDeletion = newRemovals.length === 1 && removals.length === 1 && newRemovals[0] === 'deletion';
  if (isOneDeletion && sizeBefore(after, lost) === 1)
    return { ...after, massLoss: { at: now, outcome: 'applied' } };
  return holdLost(after, input);
}

function timesOf(losses: MeshGuard['losses']): ReadonlySet<number> {
  return new Set([...losses.values()].flatMap((some) => some.map(({ at }) => at)));
}

/** Returns the trust domains that lost all of their shares within the window. */
function lostOf({ current, losses }: Pick<MeshGuard, 'current' | 'losses'>): readonly TrustDomain[] {
  return [...losses.keys()].filter((name) => !current.has(name));
}

/** Holds all shares of the lost trust domains that were lost within the window and are not held yet. */
function holdLost(mesh: MeshGuard, { now, holdMs }: GuardInput): MeshGuard {
  const held = new Map(mesh.held);
  for (const name of lostOf(mesh)) {
    const kept = held.get(name) ?? [];
    const known = new Set(kept.map(({ share }) => share));
    const more = (mesh.losses.get(name) ?? []).filter(({ share }) => !known.has(share));
    held.set(name, [...kept, ...more.map(({ share }) => ({ until: now + holdMs, share }))]);
  }
  return { ...mesh, held, massLoss: { at: now, outcome: 'held' } };
}

function addedDomainsOf(
  before: MeshGuard,
  current: MeshGuard['current'],
  isAfterLoss: boolean,
  now: number,
): MeshGuard['addedDomains'] {
  const added = new Map(
    [...before.addedDomains].filter(([name, at]) => current.has(name) && now - at < lossWindow),
  );
  if (!isAfterLoss) return added;
  const known = [before.current, before.losses, before.held];
  for (const name of current.keys()) if (!known.some((names) => names.has(name))) added.set(name, now);
  return added;
}

function isMassLoss(mesh: MeshGuard, lost: readonly TrustDomain[]): boolean {
  return remainingOf(mesh) === 0 || lost.length * 2 > sizeBefore(mesh, lost);
}

function remainingOf({ current, addedDomains }: MeshGuard): number {
  return current.size - addedDomains.size;
}

/** Returns the number of trust domains of the mesh before the loss. */
function sizeBefore(mesh: MeshGuard, lost: readonly TrustDomain[]): number {
  const { current, losses, held } = mesh;
  const heldBefore = [...held.keys()].filter((name) => !current.has(name) && !losses.has(name));
  return remainingOf(mesh) + lost.length + heldBefore.length;
}

/** Keeps the items of each trust domain that pass and whose resource has not returned. */
function keep<T extends Loss | Hold>(
  all: ReadonlyMap<TrustDomain, readonly T[]>,
  current: ReadonlyMap<TrustDomain, readonly Share[]>,
  passes: (item: T) => boolean,
): Map<TrustDomain, readonly T[]> {
  const kept = new Map<TrustDomain, readonly T[]>();
  for (const [name, items] of all) {
    const shares = items.map(({ share }) => share);
    const missing = new Set(missingOf(shares, current.get(name)));
    const some = items.filter((item) => missing.has(item.share) && passes(item));
    if (some.length > 0) kept.set(name, some);
  }
  return kept;
}

/** Returns the shares whose resource has no share in `current`. */
function missingOf(shares: readonly Share[], current: readonly Share[] | undefined): readonly Share[] {
  if (current === undefined) return shares;
  // The usual case: no resource was added or removed.
  if (shares.every(({ identity }, index) => identity === current[index]?.identity)) return [];
  const present = new Set(current.map(({ identity }) => identity));
  return shares.filter(({ identity }) => !present.has(identity));
}

function render(state: GuardState, holdings: Holdings): GuardResult {
  const joined = new Map(holdings);
  const held: HeldTrustDomain[] = [];
  let deadline: number | undefined;
  for (const [mesh, { current, held: holds }] of state) {
    if (holds.size === 0) continue;
    const domains = new Map(current);
    for (const [trustDomain, items] of holds) {
      domains.set(trustDomain, [...(current.get(trustDomain) ?? []), ...items.map(({ share }) => share)]);
      const times = items.map(({ until }) => until);
      held.push({ mesh, trustDomain, until: times.reduce((a, b) => Math.max(a, b)) });
      deadline = times.reduce((a, b) => Math.min(a, b), deadline ?? Infinity);
    }
    joined.set(mesh, domains);
  }
  const findings = held.map(({ mesh, trustDomain }) =>
    finding(
      'MT042',
      `trust domain ${trustDomain} was lost together with most of its mesh; it is still served until the hold ends or it returns`,
      { mesh, trustDomain },
    ),
  );
  return { state, holdings: held.length === 0 ? holdings : joined, held, findings, deadline };
}
