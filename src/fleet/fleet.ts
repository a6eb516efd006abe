import type { AckCounter } from './count-acks.ts';
import type { GoneRecord, ProxyMemory, ProxyRecord } from './records.ts';
import type { LostProxyKey } from './moved.ts';
import type { ServedHistory } from './served-history.ts';
import type { FleetTracker } from './track-fleet.ts';
import { proxyKey } from './records.ts';
import { withoutListed } from './unlisted.ts';
import type { Unlisted } from './unlisted.ts';

/** The proxies at one moment. The records change later: read them before you await anything. */
export interface FleetLook {
  readonly connected: Iterable<ProxyRecord>;
  readonly gone: Iterable<GoneRecord>;
  /** Whether every process that serves proxies has answered; otherwise connected proxies may be missing. */
  readonly complete: boolean;
  /** The number of lost proxies beyond those that are kept in `gone`. Their names and meshes are not known. */
  readonly forgotten: number;
  /** Proxies that left and that are not in `gone`, of all meshes. No roll-out waits for them. */
  readonly unlisted: readonly Unlisted[];
}

/** All proxies of this server, in all its processes, and the versions that they are served. */
export interface Fleet {
  readonly history: ServedHistory;
  /** Returns the proxies of a mesh, or of all meshes. */
  look(mesh?: string): FleetLook | Promise<FleetLook>;
  /** Stops waiting for these proxies: they are connected to another server. */
  release(proxies: readonly LostProxyKey[]): void;
  /**
   * Calls back when the proxies seem to have acknowledged a change, so that a look is worthwhile. It may not call back
   * if a proxy rejects the change, does not answer or disconnects. Absent if workers serve the proxies.
   */
  readonly whenAcked?: ((callback: () => void) => void) | undefined;
}

/** Returns the fleet of a server that serves its proxies in this process. */
export function localFleet(
  tracker: FleetTracker,
  history: ServedHistory,
  acks?: Pick<AckCounter, 'whenAcked'>,
): Fleet {
  return {
    history,
    release: tracker.release,
    look: (mesh) => localLook(tracker, mesh),
    ...(acks && { whenAcked: acks.whenAcked }),
  };
}

/** Returns the proxies of this process: of a mesh, or of all meshes. */
export function localLook({ connected, gone, forgotten, unlisted }: FleetTracker, mesh?: string): FleetLook {
  return {
    connected: connected(mesh),
    gone: gone(mesh),
    complete: true,
    forgotten: forgotten().count,
    unlisted: unlisted(),
  };
}

/** Merges the proxies of several processes. A proxy with streams to two processes is one proxy. */
export function mergeLooks(looks: readonly FleetLook[]): FleetLook {
  const connected = new Map<string, ProxyRecord>();
  let anonymous = 0;
  for (const look of looks) {
    for (const proxy of look.connected) {
      const key = proxy.node === '' ? `\0${(anonymous += 1)}` : proxyKey(proxy);
      const before = connected.get(key);
      connected.set(key, before === undefined ? proxy : merge(before, proxy));
    }
  }
  const gone = new Map<string, GoneRecord>();
  for (const left of looks.flatMap((look) => [...look.gone]).sort((a, b) => a.goneAt - b.goneAt)) {
    const key = left.node === '' ? `\0${(anonymous += 1)}` : proxyKey(left);
    // A proxy that disconnected from one process may be connected to another.
    const proxy = connected.get(key);
    if (proxy !== undefined) {
      connected.set(key, { ...proxy, ...nacksOf(proxy, left) });
      continue;
    }
    const before = gone.get(key);
    // Deleted first, so that its position in the order is that of its last disconnection.
    gone.delete(key);
    gone.set(key, before === undefined ? left : mergeGone(before, left));
  }
  return {
    connected: [...connected.values()],
    gone: [...gone.values()],
    complete: looks.every(({ complete }) => complete),
    forgotten: looks.reduce((sum, { forgotten }) => sum + forgotten, 0),
    unlisted: withoutListed(
      looks.flatMap(({ unlisted }) => unlisted),
      () => [...connected.values(), ...gone.values()],
    ),
  };
}

function merge(a: ProxyRecord, b: ProxyRecord): ProxyRecord {
  const [earlier, later] = isLater(a, b) ? [b, a] : [a, b];
  const streams = new Set([...a.streams, ...b.streams]);
  const openedAt = Math.max(...[...streams].map(({ since }) => since));
  return {
    node: a.node,
    mesh: a.mesh,
    since: Math.min(a.since, b.since),
    ...nacksOf(a, b),
    refused: mergeRefused(earlier.refused, later.refused),
    streams,
    // The proxy may have opened another stream at the other process.
    ended: [...(a.ended ?? []), ...(b.ended ?? [])].filter(({ at }) => at >= openedAt),
  };
}

/** Merges the records of a proxy that disconnected from one process, and later from another. */
export function mergeGone(earlier: GoneRecord, later: GoneRecord): GoneRecord {
  const merged = { ...later, ...nacksOf(earlier, later) };
  // The proxy reconnected in between, so its earlier streams no longer count.
  if (later.since > earlier.goneAt) return merged;
  const { ending, countedUntil } = earlier.countedUntil > later.countedUntil ? earlier : later;
  const isUnknown = earlier.isUnknown === true || later.isUnknown === true;
  return {
    ...merged,
    isUnknown,
    ending,
    countedUntil,
    streams: new Set([...earlier.streams, ...later.streams]),
  };
}

/**
 * Merges the counts of NACKs. `refused` is not merged here: only one process knows which of those versions the proxy
 * has accepted since.
 */
function nacksOf(a: ProxyMemory, b: ProxyMemory): Pick<ProxyMemory, 'nacks' | 'lastNack'> {
  return { nacks: a.nacks + b.nacks, lastNack: isLater(a, b) ? a.lastNack : b.lastNack };
}

function isLater(a: ProxyMemory, b: ProxyMemory): boolean {
  return (a.lastNack?.at ?? 0) > (b.lastNack?.at ?? 0);
}

function mergeRefused(a: ProxyRecord['refused'], b: ProxyRecord['refused']): ProxyRecord['refused'] {
  const merged = new Map(a);
  for (const [name, versions] of b) merged.set(name, [...new Set([...(a.get(name) ?? []), ...versions])]);
  return merged;
}
