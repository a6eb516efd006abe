import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { TrustDomain } from '../model/mesh-trust.ts';
import type { Holdings, Share } from './share.ts';

/** Losses that come within this time, in milliseconds, count as one event. */
export const lossWindow = 2000;

interface Loss {
  readonly at: number;
  readonly shares: readonly Share[];
}

interface Hold {
  readonly until: number;
  readonly shares: readonly Share[];
}

interface MeshGuard {
  /** What the source gave at the last step, without what is held. */
  readonly given: ReadonlyMap<TrustDomain, readonly Share[]>;
  readonly losses: ReadonlyMap<TrustDomain, Loss>;
  readonly held: ReadonlyMap<TrustDomain, Hold>;
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

export interface GuardResult {
  readonly state: GuardState;
  readonly holdings: Holdings;
  readonly held: readonly {
    readonly mesh: string;
    readonly trustDomain: TrustDomain;
    readonly until: number;
  }[];
  readonly findings: readonly Finding[];
  /** When the next hold ends, in the time of `now`. */
  readonly deadline: number | undefined;
}

const emptyMesh: MeshGuard = { given: new Map(), losses: new Map(), held: new Map(), deletions: [] };

/**
 * Believes a mass loss only when it lasts: when more than half of a mesh's trust domains, or all of them,
 * go within the window, those are held as they were. The loss of the only trust domain of a mesh by the
 * deletion of one file or object is a decision, not an accident, and applies at once.
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
  const losses = new Map(
    [...before.losses].filter(([name, loss]) => !given.has(name) && now - loss.at < lossWindow),
  );
  const held = new Map([...before.held].filter(([name, hold]) => !given.has(name) && now < hold.until));
  let lost = false;
  for (const [name, shares] of before.given) {
    if (given.has(name)) continue;
    losses.set(name, { at: now, shares });
    lost = true;
  }
  if (lost && holdMs > 0 && isMassLoss(given.size, losses, held, deletions.length)) {
    for (const [name, { shares }] of losses)
      if (!held.has(name)) held.set(name, { until: now + holdMs, shares });
  }
  return { given, losses, held, deletions };
}

function isMassLoss(
  remaining: number,
  losses: ReadonlyMap<TrustDomain, Loss>,
  held: ReadonlyMap<TrustDomain, Hold>,
  deletions: number,
): boolean {
  const heldBefore = [...held.keys()].filter((name) => !losses.has(name)).length;
  const total = remaining + losses.size + heldBefore;
  const single = total === 1 && deletions === 1;
  return !single && (remaining === 0 || losses.size * 2 > total);
}

function render(state: GuardState, holdings: Holdings): GuardResult {
  const held = [...state].flatMap(([mesh, { held: holds }]) =>
    [...holds].map(([trustDomain, { until }]) => ({ mesh, trustDomain, until })),
  );
  if (held.length === 0) return { state, holdings, held, findings: [], deadline: undefined };
  const joined = new Map(holdings);
  for (const [mesh, { given, held: holds }] of state) {
    if (holds.size > 0)
      joined.set(
        mesh,
        new Map([...given, ...[...holds].map(([name, hold]) => [name, hold.shares] as const)]),
      );
  }
  const findings = held.map(({ mesh, trustDomain }) =>
    finding(
      'MT042',
      `trust domain ${trustDomain} was lost together with most of its mesh; it is served until the hold ends`,
      { mesh, trustDomain },
    ),
  );
  return { state, holdings: joined, held, findings, deadline: Math.min(...held.map(({ until }) => until)) };
}
