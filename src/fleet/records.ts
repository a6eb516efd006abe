import type { StreamInfo } from '../xds/index.ts';

/*
 * The records of proxies, as plain data. The tracker changes them in place, so that a push makes no garbage; other
 * code only reads them. Times are epoch milliseconds.
 */

/** One secret on one stream. */
export interface SecretRecord {
  /** The version sent last; `undefined` if nothing was sent, or if the secret was sent as removed. */
  readonly sent: string | undefined;
  readonly sentAt: number;
  /** The version that the proxy acknowledged or quoted last; never a version that it rejected. */
  readonly acked: string | undefined;
  readonly ackedAt: number;
  /** The ms from sending to acknowledgement; `undefined` if the version was quoted, or not acknowledged yet. */
  readonly ackMs: number | undefined;
}

/** One stream of a proxy, from its first request on. */
export interface StreamRecord {
  readonly info: StreamInfo;
  readonly since: number;
  /** Whether the stream has subscribed to secrets and has not been answered yet. */
  readonly awaiting: boolean;
  readonly secrets: ReadonlyMap<string, SecretRecord>;
}

/** The last NACK of a proxy. */
export interface RefusalRecord {
  readonly at: number;
  readonly name: string;
  readonly version: string | undefined;
  /** The gRPC status code that the proxy sent. */
  readonly code: number;
  /** The message of the proxy, on one line and cut. */
  readonly message: string;
}

/** The part of a proxy's record that outlives its streams. */
export interface ProxyMemory {
  /** The node id; empty for a stream without a node id, which counts as one proxy. */
  readonly node: string;
  readonly mesh: string;
  /** When the proxy connected. */
  readonly since: number;
  readonly nacks: number;
  readonly lastNack: RefusalRecord | undefined;
  /** The versions that the proxy rejected, by name of the secret, latest last. */
  readonly refused: ReadonlyMap<string, readonly string[]>;
}

/** A connected proxy: all streams of one node id in one mesh. */
export interface ProxyRecord extends ProxyMemory {
  readonly streams: ReadonlySet<StreamRecord>;
}

/**
 * How the last connection of a proxy ended: the proxy closed it (`closed`), it broke or the proxy no longer responded
 * (`silence`), or the server ended it (`server`).
 */
export type Ending = 'closed' | 'silence' | 'server';

/** A proxy without a stream. */
export interface GoneRecord extends ProxyMemory {
  readonly goneAt: number;
  readonly address: string;
  readonly userAgent: string;
  readonly ending: Ending;
  /** The time from which no roll-out counts the proxy; equal to `goneAt` if no roll-out counts it at all. */
  readonly countedUntil: number;
  /** True if it is unknown what the proxy had acknowledged, because the process that served it has died. */
  readonly isUnknown?: boolean | undefined;
  /** The streams as they were when they ended; empty if no roll-out counts the proxy, and it had too many. */
  readonly streams: ReadonlySet<StreamRecord>;
}

/** Returns whether a proxy has acknowledged a secret of the stream. */
export function hasAcknowledged({ secrets }: StreamRecord): boolean {
  return secrets.values().some(({ acked }) => acked !== undefined);
}

/** Returns the authenticated identity of a proxy; `undefined` if it has none, or its streams are no longer known. */
export function identityOf({ streams }: ProxyRecord | GoneRecord): string | undefined {
  for (const { info } of streams) return info.identity;
  return undefined;
}
