import { assess, assessGone, heldVersion, lastAckAt } from './assess.ts';
import type { Assessment, ProxyState } from './assess.ts';
import type { FleetLook } from './fleet.ts';
import type { GoneRecord, ProxyRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';

/** Proxies of a mesh by how they stand to what is served. */
export type StateCounts = Readonly<Record<ProxyState, number>>;

/** The proxies of a mesh, and how many of them have what is served. */
export interface AckCount {
  /** Distinct node ids, and streams without one; by worker, where there are several. */
  readonly connected: number;
  readonly acked: number;
  /** Proxies without a connection of which it is not known whether they have it. */
  readonly lost: number;
}

/** A proxy that does not have what it is asked about. */
export interface Lagging extends Assessment {
  readonly proxy: ProxyRecord | GoneRecord;
  /** The newest version of the mesh that it has; undefined if that is none of the last. */
  readonly held: ServedVersion | undefined;
}

/** How far a state of a mesh has come. */
export interface Rollout {
  readonly mesh: string;
  readonly current: ServedVersion;
  readonly connected: number;
  readonly states: StateCounts;
  /** Whether all that serve proxies have told of theirs. */
  readonly complete: boolean;
  /** Lost proxies, of whichever mesh, that are more than are kept. */
  readonly forgotten: number;
  /**
   * When the last connected proxy acknowledged what is served, epoch milliseconds. Undefined if some have not, are
   * lost, or are not known.
   */
  readonly convergedAt: number | undefined;
  /**
   * How many proxies have each state that was served lately, newest first, those that are reconnecting or lost
   * included; those that have none are in none.
   */
  readonly versions: readonly { readonly served: ServedVersion; readonly proxies: number }[];
  /** Proxies without what is asked about, lost ones first, at most as many as asked for. */
  readonly lagging: readonly Lagging[];
  /**
   * The version that was asked about: whether it was served lately, how many connected proxies have it or a later
   * one, and how many proxies, connected or not, do not.
   */
  readonly asked: AskedVersion;
}

export interface AskedVersion {
  readonly version: string;
  readonly known: boolean;
  readonly has: number;
  readonly lacks: number;
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
  { connected: proxies, gone, complete, forgotten }: FleetLook,
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
    // Nobody lags behind what is not served yet.
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
    convergedAt: isDone ? convergedAt : undefined,
    versions: versions.map((served) => ({ served, proxies: holding.get(served) ?? 0 })),
    lagging: [...lost, ...lagging].slice(0, mostLagging),
    asked: { version: version ?? current.version, known: asked !== undefined, has, lacks },
  };
}

/** States of proxies by mesh: of every mesh that is served, and of those that nothing is listed for. */
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

/** Counts the proxies of each mesh. A lost proxy that is not kept by name may be of any mesh: it counts for each. */
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

/** Versions are in the order newest first, so one that comes no later in it is at least as new. */
function isAtLeast(
  held: ServedVersion | undefined,
  asked: ServedVersion | undefined,
  versions: readonly ServedVersion[],
): boolean {
  if (held === undefined || asked === undefined) return false;
  return versions.indexOf(held) <= versions.indexOf(asked);
}
