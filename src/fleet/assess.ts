import type { GoneRecord, ProxyMemory, StreamRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';

/**
 * How a proxy stands to what is served. With a connection: it has acknowledged all of it (`synced`), has not
 * yet (`pending`), has not for a while (`stale`), or has refused some of it (`refused`). Without one, and
 * without having acknowledged all of it: it may come back at any moment (`reconnecting`), or it is not known
 * whether it still runs with what it had (`lost`).
 */
export type ProxyState = 'synced' | 'pending' | 'stale' | 'refused' | 'reconnecting' | 'lost';

export const proxyStates = [
  'synced',
  'pending',
  'stale',
  'refused',
  'reconnecting',
  'lost',
] as const satisfies readonly ProxyState[];

/**
 * Within this time, in ms, an Envoy is back after its connection ended: it first tries after at most 0.5 s, and
 * at most four times in 10 s.
 */
export const returnWithinMs = 10_000;

/** A proxy that has not acknowledged for so long is stale, ms. A pause of it, or of the network, is shorter. */
export const staleAfterMs = 30_000;

/** What one proxy was found to be. */
export interface Assessment {
  readonly state: ProxyState;
  /** Since when it lags behind, epoch milliseconds: the change, or its connection; undefined where synced. */
  readonly behindSince: number | undefined;
}

const synced: Assessment = { state: 'synced', behindSince: undefined };

/** What a decision about a proxy is taken from, connected or not. */
type Holder = Pick<ProxyMemory, 'mesh' | 'since' | 'lastNack' | 'refused'> & {
  readonly streams: ReadonlySet<StreamRecord>;
  readonly isUnknown?: boolean | undefined;
};

/** Compares a connected proxy with what its mesh is served, at a time in epoch milliseconds. */
export function assess(proxy: Holder, history: ServedHistory, now: number): Assessment {
  const served = history.versions(proxy.mesh)?.[0];
  let behindSince: number | undefined;
  for (const stream of proxy.streams) {
    if (holds(stream, served, history)) continue;
    // It lags behind no longer than what it lags behind is there.
    const since = Math.max(stream.since, served?.servedAt ?? 0);
    behindSince = Math.min(behindSince ?? since, since);
  }
  if (hasRefused(proxy, served, history)) {
    return { state: 'refused', behindSince: behindSince ?? proxy.lastNack?.at ?? proxy.since };
  }
  if (behindSince === undefined) return synced;
  return { state: now - behindSince < staleAfterMs ? 'pending' : 'stale', behindSince };
}

/**
 * Compares a proxy without a connection with what its mesh is served. Undefined if no roll-out waits for it: it
 * had everything when its connection ended, it ended the connection itself and did not come back, or it has been
 * lost for so long that it is given up.
 */
export function assessGone(proxy: GoneRecord, history: ServedHistory, now: number): Assessment | undefined {
  if (now >= proxy.countedUntil) return undefined;
  const { state, behindSince } = assess(proxy, history, now);
  if (state === 'synced' && proxy.isUnknown !== true) return undefined;
  const mayComeBack = proxy.ending !== 'silence' && now - proxy.goneAt < returnWithinMs;
  return { state: mayComeBack ? 'reconnecting' : 'lost', behindSince: behindSince ?? proxy.goneAt };
}

/** Whether everything that a proxy has acknowledged on its streams is that of one state of its mesh. */
export function hasVersion(proxy: Holder, version: ServedVersion, history: ServedHistory): boolean {
  for (const stream of proxy.streams) if (!holds(stream, version, history)) return false;
  return !hasRefused(proxy, version, history);
}

/** The newest state of its mesh that a proxy has; undefined where it is none that is remembered. */
export function heldVersion(proxy: Holder, history: ServedHistory): ServedVersion | undefined {
  if (proxy.isUnknown === true) return undefined;
  return history.versions(proxy.mesh)?.find((version) => hasVersion(proxy, version, history));
}

/** When the last of a proxy's acknowledgements came, epoch milliseconds; 0 where there is none. */
export function lastAckAt({ streams }: Pick<Holder, 'streams'>): number {
  let last = 0;
  for (const { secrets } of streams)
    for (const { ackedAt } of secrets.values()) last = Math.max(last, ackedAt);
  return last;
}

function holds(
  { awaiting, secrets }: StreamRecord,
  served: ServedVersion | undefined,
  history: ServedHistory,
): boolean {
  if (awaiting) return false;
  for (const [name, { acked }] of secrets) {
    if (acked === undefined || acked !== history.versionOf(served, name)) return false;
  }
  return true;
}

/** A refusal counts as long as what was refused is what is served, and some stream may ask for it. */
function hasRefused(
  { refused, streams }: Holder,
  served: ServedVersion | undefined,
  history: ServedHistory,
): boolean {
  if (refused.size === 0) return false;
  for (const [name, versions] of refused) {
    const version = history.versionOf(served, name);
    if (version === undefined || !versions.includes(version)) continue;
    for (const { awaiting, secrets } of streams) if (awaiting || secrets.has(name)) return true;
  }
  return false;
}
