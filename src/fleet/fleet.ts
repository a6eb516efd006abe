import type { GoneRecord, ProxyMemory, ProxyRecord } from './records.ts';
import type { LostProxyKey } from './moved.ts';
import type { ServedHistory } from './served-history.ts';
import type { FleetTracker } from './track-fleet.ts';
import { proxyKey } from './proxy-name.ts';

/** Proxies at one moment. The records live on, so they are to be read before anything else is awaited. */
export interface FleetLook {
  readonly connected: Iterable<ProxyRecord>;
  readonly gone: Iterable<GoneRecord>;
  /** Every process that serves proxies has answered; else proxies are missing that may well be connected. */
  readonly complete: boolean;
  /** Lost proxies beyond those that are kept in `gone`: it is not known which, nor of which mesh. */
  readonly forgotten: number;
}

/** All proxies of this server, whichever process serves them, and what they are to have. */
export interface Fleet {
  readonly history: ServedHistory;
  /** The proxies of a mesh, or all of them. */
  look(mesh?: string): FleetLook | Promise<FleetLook>;
  /** Another server has these proxies, so that no roll-out here waits for them. */
  release(proxies: readonly LostProxyKey[]): void;
}

/** The fleet of a server that serves its proxies in this process. */
export function localFleet(tracker: FleetTracker, history: ServedHistory): Fleet {
  return { history, release: tracker.release, look: (mesh) => localLook(tracker, mesh) };
}

/** The proxies of this process: those of a mesh, or all of them. */
export function localLook({ connected, gone, forgotten }: FleetTracker, mesh?: string): FleetLook {
  return { connected: connected(mesh), gone: gone(mesh), complete: true, forgotten: forgotten().count };
}

/** Joins what several processes see: a proxy with streams to two of them is one. */
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
    // One that left one process may be connected to another.
    const proxy = connected.get(key);
    if (proxy !== undefined) {
      connected.set(key, { ...proxy, ...nacksOf(proxy, left) });
      continue;
    }
    const before = gone.get(key);
    // Taken out first, so that it comes where it left last.
    gone.delete(key);
    gone.set(key, before === undefined ? left : mergeGone(before, left));
  }
  return {
    connected: [...connected.values()],
    gone: [...gone.values()],
    complete: looks.every(({ complete }) => complete),
    forgotten: looks.reduce((sum, { forgotten }) => sum + forgotten, 0),
  };
}

function merge(a: ProxyRecord, b: ProxyRecord): ProxyRecord {
  const [earlier, later] = isLater(a, b) ? [b, a] : [a, b];
  return {
    node: a.node,
    mesh: a.mesh,
    since: Math.min(a.since, b.since),
    ...nacksOf(a, b),
    refused: mergeRefused(earlier.refused, later.refused),
    streams: new Set([...a.streams, ...b.streams]),
  };
}

/** Joins the records of a proxy that left one process, and later another. */
export function mergeGone(earlier: GoneRecord, later: GoneRecord): GoneRecord {
  const merged = { ...later, ...nacksOf(earlier, later) };
  // It came back in between, so what it had before counts no more.
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

/** What a proxy refused is not among it: what it has accepted since is known to one process alone. */
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
