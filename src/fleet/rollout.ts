import { assess, assessGone, heldVersion, lastAckAt } from './assess.ts';
import type { Assessment, ProxyState } from './assess.ts';
import type { FleetLook } from './fleet.ts';
import type { GoneRecord, ProxyRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';
import { unlistedWithout } from './unlisted.ts';
import type { Unlisted } from './unlisted.ts';

/** The number of proxies of a mesh in each state. */
export type StateCounts = Readonly<Record<ProxyState, number>>;

/** The number of proxies of a mesh, and how many of them have the served version. */
export interface AckCount {
  /** Distinct node ids, and streams without a node id. With several workers, each worker counts separately. */
  readonly connected: number;
  readonly acked: number;
  /** Proxies without a connection for which it is unknown whether they have the served version. */
  readonly lost: number;
}

/** A proxy that does not have the requested version. */
export interface Lagging extends Assessment {
  readonly proxy: ProxyRecord | GoneRecord;
  /** The newest version of the mesh that the proxy has; `undefined` if the history does not contain it. */
  readonly held: ServedVersion | undefined;
}

/** The progress of a version of a mesh. */
export interface Rollout {
  readonly mesh: string;
  readonly current: ServedVersion;
  readonly connected: number;
  readonly states: StateCounts;
  /** Whether all processes that serve proxies have reported them. */
  readonly complete: boolean;
  /** The number of lost proxies, of all meshes, beyond those that are kept by name. */
  readonly forgotten: number;
  /** Proxies that left, perhaps without the served version, and that are not listed. No roll-out waits for them. */
  readonly unlisted: Pick<Unlisted, 'count' | 'lastAt'>;
  /**
   * When the last connected proxy acknowledged the served version, in epoch milliseconds. `undefined` if a proxy has
   * not acknowledged it, is lost, or is not known.
   */
  readonly convergedAt: number | undefined;
  /**
   * The number of proxies that have each of the last served versions, newest first. Reconnecting and lost proxies are
   * included; proxies that have none of these versions are not.
   */
  readonly versions: readonly { readonly served: ServedVersion; readonly proxies: number }[];
  /** Proxies that do not have the requested version, lost proxies first; at most `mostLagging`. */
  readonly lagging: readonly Lagging[];
  /**
   * The requested version: whether it is one of the last served versions (`known`), how many connected proxies have
   * it or a later version (`has`), and how many proxies, connected or not, do not have it (`lacks`).
   */
  readonly asked: AskedVersion;
}

interface AskedVersion {
  readonly version: string;
  readonly known: boolean;
  readonly has: number;
  readonly lacks: number;
}

export interface RolloutQuestion {
  readonly mesh: string;
  /** Default: the served version. */
  readonly version?: string | undefined;
  readonly mostLagging: number;
  readonly now: number;
}

/** Assesses all proxies of a mesh. Returns `undefined` for a mesh that never had a listed MeshTrust. */
export function assessRollout(
  { connected: proxies, gone, complete, forgotten, unlisted }: FleetLook,
  history: ServedHistory,
  { mesh, version, mostLagging, now }: RolloutQuestion,
): Rollout | undefined {
  const versions = history.versions(mesh) ?? [];
  const current = versions[0];
  if (current === undefined) return undefined;
  const asked = version === undefined ? current : versions.find((served) => served.version === version);
  const states = noProxies();
  const holding = new Map<ServedVersion, number>();
  const lagging: Lagging[] = [];
  const lost: Lagging[] = [];
  let [connected, has, lacks, convergedAt] = [0, 0, 0, current.servedAt];
  for (const proxy of gone) {
    const assessment = proxy.mesh === mesh ? assessGone(proxy, history, now) : undefined;
    if (assessment === undefined) continue;
    states[assessment.state] += 1;
    const held = heldVersion(proxy, history);
    if (held !== undefined) holding.set(held, (holding.get(held) ?? 0) + 1);
    if (asked === undefined || isAtLeast(held, asked, versions)) continue;
    lacks += 1;
    if (lost.length < mostLagging) lost.push({ proxy, held, ...assessment });
  }
  for (const proxy of proxies) {
    if (proxy.mesh !== mesh) continue;
    connected += 1;
    const assessment = assess(proxy, history, now);
    states[assessment.state] += 1;
    const held = assessment.state === 'synced' ? current : heldVersion(proxy, history);
    if (held !== undefined) holding.set(held, (holding.get(held) ?? 0) + 1);
    convergedAt = Math.max(convergedAt, lastAckAt(proxy));
    if (isAtLeast(held, asked, versions)) has += 1;
    // No proxy can be behind a version that is not served yet.
    else if (asked !== undefined) {
      lacks += 1;
      if (lagging.length < mostLagging) lagging.push({ proxy, held, ...assessment });
    }
  }
  const isDone =
    complete && forgotten === 0 && states.synced === connected && states.reconnecting + states.lost === 0;
  return {
    mesh,
    current,
    connected,
    states,
    complete,
    forgotten,
    unlisted: unlistedWithout(unlisted, mesh, current.version),
    convergedAt: isDone ? convergedAt : undefined,
    versions: versions.map((served) => ({ served, proxies: holding.get(served) ?? 0 })),
    lagging: [...lost, ...lagging].slice(0, mostLagging),
    asked: { version: version ?? current.version, known: asked !== undefined, has, lacks },
  };
}

/** Counts the states of proxies for each served mesh, and for each other mesh that a proxy names. */
export function countStates(
  { connected, gone }: Pick<FleetLook, 'connected' | 'gone'>,
  history: ServedHistory,
  now: number,
): ReadonlyMap<string, StateCounts> {
  const counts = new Map<string, Record<ProxyState, number>>();
  for (const mesh of history.meshes()) counts.set(mesh, noProxies());
  const add = (mesh: string, state: ProxyState): void => {
    let states = counts.get(mesh);
    if (states === undefined) counts.set(mesh, (states = noProxies()));
    states[state] += 1;
  };
  for (const proxy of connected) add(proxy.mesh, assess(proxy, history, now).state);
  for (const proxy of gone) {
    const assessment = assessGone(proxy, history, now);
    if (assessment !== undefined) add(proxy.mesh, assessment.state);
  }
  return counts;
}

/** Counts the proxies of each mesh. A lost proxy that is not kept by name may be of any mesh, so it counts for each. */
export function countAcks(
  look: Pick<FleetLook, 'connected' | 'gone' | 'forgotten'>,
  history: ServedHistory,
  now: number,
): ReadonlyMap<string, AckCount> {
  const counts = new Map<string, AckCount>();
  for (const [mesh, states] of countStates(look, history, now)) {
    const { synced, pending, stale, refused, reconnecting, lost } = states;
    const connected = synced + pending + stale + refused;
    counts.set(mesh, { connected, acked: synced, lost: reconnecting + lost + look.forgotten });
  }
  return counts;
}

function noProxies(): Record<ProxyState, number> {
  return { synced: 0, pending: 0, stale: 0, refused: 0, reconnecting: 0, lost: 0 };
}

/** Returns whether `held` is at least as new as `asked`. `versions` is sorted newest first. */
function isAtLeast(
  held: ServedVersion | undefined,
  asked: ServedVersion | undefined,
  versions: readonly ServedVersion[],
): boolean {
  if (held === undefined || asked === undefined) return false;
  return versions.indexOf(held) <= versions.indexOf(asked);
}
