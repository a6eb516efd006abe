import type { ProxyRecord, StreamRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';

/**
 * How a connected proxy stands to what is served: it has acknowledged all of it (`synced`), has not yet
 * (`pending`), has not for a while (`stale`), or has refused some of it (`refused`).
 */
export type ProxyState = 'synced' | 'pending' | 'stale' | 'refused';

export const proxyStates = ['synced', 'pending', 'stale', 'refused'] as const satisfies readonly ProxyState[];

/** A proxy that has not acknowledged for so long is stale, ms. A pause of it, or of the network, is shorter. */
export const staleAfterMs = 30_000;

/** What one proxy was found to be. */
export interface Assessment {
  readonly state: ProxyState;
  /** Since when it lags behind, epoch milliseconds: the change, or its connection; undefined where synced. */
  readonly behindSince: number | undefined;
}

const synced: Assessment = { state: 'synced', behindSince: undefined };

/** Compares a proxy with what its mesh is served, at a time in epoch milliseconds. */
export function assess(proxy: ProxyRecord, history: ServedHistory, now: number): Assessment {
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

/** Whether everything that a proxy has acknowledged on its streams is that of one state of its mesh. */
export function hasVersion(proxy: ProxyRecord, version: ServedVersion, history: ServedHistory): boolean {
  for (const stream of proxy.streams) if (!holds(stream, version, history)) return false;
  return !hasRefused(proxy, version, history);
}

/** The newest state of its mesh that a proxy has; undefined where it is none that is remembered. */
export function heldVersion(proxy: ProxyRecord, history: ServedHistory): ServedVersion | undefined {
  return history.versions(proxy.mesh)?.find((version) => hasVersion(proxy, version, history));
}

/** When the last of a proxy's acknowledgements came, epoch milliseconds; 0 where there is none. */
export function lastAckAt({ streams }: ProxyRecord): number {
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
  { refused, streams }: ProxyRecord,
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
