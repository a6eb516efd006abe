import { assess, heldVersion, lastAckAt } from './assess.ts';
import type { Assessment, ProxyState } from './assess.ts';
import type { FleetLook } from './fleet.ts';
import type { ProxyRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';

/** Connected proxies of a mesh by how they stand to what is served. */
export type StateCounts = Readonly<Record<ProxyState, number>>;

/** A proxy that does not have what it is asked about. */
export interface Lagging extends Assessment {
  readonly proxy: ProxyRecord;
}

/** How far a state of a mesh has come. */
export interface Rollout {
  readonly mesh: string;
  readonly current: ServedVersion;
  readonly connected: number;
  readonly states: StateCounts;
  /** Whether all that serve proxies have told of theirs. */
  readonly complete: boolean;
  /** When the last connected proxy acknowledged what is served, epoch milliseconds; undefined: not all have, or are known. */
  readonly convergedAt: number | undefined;
  /** How many proxies have each state that was served lately, newest first; those that have none are in none. */
  readonly versions: readonly { readonly served: ServedVersion; readonly proxies: number }[];
  /** Proxies without what is asked about, at most as many as asked for. */
  readonly lagging: readonly Lagging[];
  /** The version that was asked about: whether it was served lately, and who has it or a later one. */
  readonly asked: { readonly version: string; readonly known: boolean; readonly has: number };
}

export interface RolloutQuestion {
  readonly mesh: string;
  /** Default: what is served. */
  readonly version?: string | undefined;
  readonly mostLagging: number;
  readonly now: number;
}

/** Looks at every proxy of a mesh once. Undefined for a mesh that nothing was ever listed for. */
export function assessRollout(
  { connected: proxies, complete }: Pick<FleetLook, 'connected' | 'complete'>,
  history: ServedHistory,
  { mesh, version, mostLagging, now }: RolloutQuestion,
): Rollout | undefined {
  const versions = history.versions(mesh) ?? [];
  const current = versions[0];
  if (current === undefined) return undefined;
  const asked = version === undefined ? current : versions.find((served) => served.version === version);
  const states = { synced: 0, pending: 0, stale: 0, refused: 0 };
  const holding = new Map<ServedVersion, number>();
  const lagging: Lagging[] = [];
  let [connected, has, convergedAt] = [0, 0, current.servedAt];
  for (const proxy of proxies) {
    if (proxy.mesh !== mesh) continue;
    connected += 1;
    const assessment = assess(proxy, history, now);
    states[assessment.state] += 1;
    const held = assessment.state === 'synced' ? current : heldVersion(proxy, history);
    if (held !== undefined) holding.set(held, (holding.get(held) ?? 0) + 1);
    convergedAt = Math.max(convergedAt, lastAckAt(proxy));
    if (isAtLeast(held, asked, versions)) has += 1;
    // Nobody lags behind what is not served yet.
    else if (asked !== undefined && lagging.length < mostLagging) lagging.push({ proxy, ...assessment });
  }
  return {
    mesh,
    current,
    connected,
    states,
    complete,
    convergedAt: complete && states.synced === connected ? convergedAt : undefined,
    versions: versions.map((served) => ({ served, proxies: holding.get(served) ?? 0 })),
    lagging,
    asked: { version: version ?? current.version, known: asked !== undefined, has },
  };
}

/** States of proxies by mesh: of every mesh that is served, and of those that nothing is listed for. */
export function countStates(
  proxies: Iterable<ProxyRecord>,
  history: ServedHistory,
  now: number,
): ReadonlyMap<string, StateCounts> {
  const counts = new Map<string, Record<ProxyState, number>>();
  for (const mesh of history.meshes()) counts.set(mesh, { synced: 0, pending: 0, stale: 0, refused: 0 });
  for (const proxy of proxies) {
    let states = counts.get(proxy.mesh);
    if (states === undefined) {
      states = { synced: 0, pending: 0, stale: 0, refused: 0 };
      counts.set(proxy.mesh, states);
    }
    states[assess(proxy, history, now).state] += 1;
  }
  return counts;
}

/** Versions are in the order newest first, so one that comes no later in it is at least as new. */
function isAtLeast(
  held: ServedVersion | undefined,
  asked: ServedVersion | undefined,
  versions: readonly ServedVersion[],
): boolean {
  if (held === undefined || asked === undefined) return false;
  return versions.indexOf(held) <= versions.indexOf(asked);
}
