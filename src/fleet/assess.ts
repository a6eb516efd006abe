import type { EndedStream, Ending, GoneRecord, ProxyMemory, StreamRecord } from './records.ts';
import type { ServedHistory, ServedVersion } from './served-history.ts';

/**
 * The state of a proxy relative to the served version. A connected proxy has acknowledged the served version
 * (`synced`), has not acknowledged it yet (`pending`), has not acknowledged it for 30 s (`stale`), or has rejected a
 * secret of it (`refused`). A proxy without a connection that has not acknowledged the served version may reconnect
 * at any moment (`reconnecting`), or it is unknown whether it still runs with an earlier version (`lost`).
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
 * The time within which an Envoy reconnects after its connection ended, in ms. Its first attempt follows within
 * 0.5 s, and it makes at most four attempts in 10 s.
 */
export const returnWithinMs = 10_000;

/** The time without acknowledgement after which a proxy is stale, in ms. Pauses of proxies and networks are shorter. */
export const staleAfterMs = 30_000;

/** The state of one proxy. */
export interface Assessment {
  readonly state: ProxyState;
  /**
   * When the proxy fell behind, in epoch milliseconds: the time of the change, or of its connection. `undefined` if
   * it is synced.
   */
  readonly behindSince: number | undefined;
}

const synced: Assessment = { state: 'synced', behindSince: undefined };

/** The part of a record that its assessment needs, of a proxy with or without a connection. */
type AssessedProxy = Pick<ProxyMemory, 'mesh' | 'since' | 'lastNack' | 'refused'> & {
  readonly streams: ReadonlySet<StreamRecord>;
  readonly ended?: readonly EndedStream[] | undefined;
  readonly isUnknown?: boolean | undefined;
};

/** A stream that the proxy did not close. */
interface CountedEnd extends EndedStream {
  readonly ending: Exclude<Ending, 'closed'>;
}

/**
 * Returns the streams that a proxy must be in sync on. A stream that broke, or that the server ended, counts until the
 * proxy opens another one: the proxy may still use what it got on it.
 */
function streamsOf({ streams, ended = [] }: AssessedProxy): Iterable<StreamRecord> {
  if (ended.length === 0) return streams;
  return [...streams, ...countedEnded({ ended }).map(({ stream }) => stream)];
}

/** Returns the ended streams of a connected proxy that it must be in sync on. */
export function countedEnded({ ended = [] }: Pick<AssessedProxy, 'ended'>): readonly CountedEnd[] {
  return ended.flatMap(({ stream, ending, at }) => (ending === 'closed' ? [] : [{ stream, ending, at }]));
}

/** Compares a connected proxy with the served version of its mesh. `now`: epoch milliseconds. */
export function assess(proxy: AssessedProxy, history: ServedHistory, now: number): Assessment {
  const served = history.versions(proxy.mesh)?.[0];
  let behindSince: number | undefined;
  for (const stream of streamsOf(proxy)) {
    if (holds(stream, served, history, true)) continue;
    // A proxy cannot be behind for longer than the version that it is missing has existed.
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
 * Compares a proxy without a connection with the served version of its mesh. Returns `undefined` if no roll-out
 * waits for it: it was in sync when its connection ended, it closed the connection itself and did not return, or it
 * has been lost for longer than the lost window.
 */
export function assessGone(proxy: GoneRecord, history: ServedHistory, now: number): Assessment | undefined {
  if (now >= proxy.countedUntil) return undefined;
  const { state, behindSince } = assess(proxy, history, now);
  if (state === 'synced' && proxy.isUnknown !== true) return undefined;
  const mayComeBack = proxy.ending !== 'silence' && now - proxy.goneAt < returnWithinMs;
  return { state: mayComeBack ? 'reconnecting' : 'lost', behindSince: behindSince ?? proxy.goneAt };
}

/** Returns whether everything that a proxy has acknowledged on its streams belongs to one version of its mesh. */
function hasVersion(
  proxy: AssessedProxy,
  version: ServedVersion,
  history: ServedHistory,
  isServed: boolean,
): boolean {
  for (const stream of streamsOf(proxy)) if (!holds(stream, version, history, isServed)) return false;
  return !hasRefused(proxy, version, history);
}

/** Returns the newest version of its mesh that a proxy has; `undefined` if the history does not contain it. */
export function heldVersion(proxy: AssessedProxy, history: ServedHistory): ServedVersion | undefined {
  // The streams of a proxy that left long ago may not be kept.
  if (proxy.isUnknown === true || proxy.streams.size === 0) return undefined;
  return history
    .versions(proxy.mesh)
    ?.find((version, index) => hasVersion(proxy, version, history, index === 0));
}

/** Returns the time of a proxy's last acknowledgement, in epoch milliseconds; 0 if it has sent none. */
export function lastAckAt({ streams }: Pick<AssessedProxy, 'streams'>): number {
  let last = 0;
  for (const { secrets } of streams)
    for (const { ackedAt } of secrets.values()) last = Math.max(last, ackedAt);
  return last;
}

function holds(
  { awaiting, secrets }: StreamRecord,
  version: ServedVersion | undefined,
  history: ServedHistory,
  isServed: boolean,
): boolean {
  if (awaiting) return false;
  for (const [name, { acked, unanswered }] of secrets) {
    if (acked === undefined || acked !== history.versionOf(version, name)) return false;
    // After a change that was taken back at once: the proxy may be about to apply what was sent in between.
    if (isServed && unanswered !== undefined) return false;
  }
  return true;
}

/** A NACK counts while the rejected version is served and a stream subscribes to the name, or may subscribe to it. */
function hasRefused(
  proxy: AssessedProxy,
  served: ServedVersion | undefined,
  history: ServedHistory,
): boolean {
  if (proxy.refused.size === 0) return false;
  for (const [name, versions] of proxy.refused) {
    const version = history.versionOf(served, name);
    if (version === undefined || !versions.includes(version)) continue;
    for (const { awaiting, secrets } of streamsOf(proxy)) if (awaiting || secrets.has(name)) return true;
  }
  return false;
}
