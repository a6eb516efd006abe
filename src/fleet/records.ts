import type { StreamInfo } from '../xds/index.ts';

/*
 * What is kept of proxies, as plain data. It lives: the tracker changes it in place, so that a push makes no
 * garbage, and everybody else only reads. Times are epoch milliseconds.
 */

/** One secret on one stream. */
export interface SecretRecord {
  /** The version sent last; undefined where nothing was, or where it was told as removed. */
  readonly sent: string | undefined;
  readonly sentAt: number;
  /** The version that the proxy acknowledged last, or quoted; never one of bytes that it refused. */
  readonly acked: string | undefined;
  readonly ackedAt: number;
  /** From sending to acknowledgement; undefined where it was quoted, or none came yet. */
  readonly ackMs: number | undefined;
}

/** One stream of a proxy, from its first request on. */
export interface StreamRecord {
  readonly info: StreamInfo;
  readonly since: number;
  /** It asked for secrets, and nothing was said to that yet. */
  readonly awaiting: boolean;
  readonly secrets: ReadonlyMap<string, SecretRecord>;
}

/** The last refusal of a proxy. */
export interface RefusalRecord {
  readonly at: number;
  readonly name: string;
  readonly version: string | undefined;
  /** A gRPC status code, as the proxy gave it. */
  readonly code: number;
  /** On one line, cut. */
  readonly message: string;
}

/** What outlives the streams of a proxy. */
export interface ProxyMemory {
  /** Node id; empty where a stream named none, which is then a proxy of its own. */
  readonly node: string;
  readonly mesh: string;
  /** Connected since. */
  readonly since: number;
  readonly nacks: number;
  readonly lastNack: RefusalRecord | undefined;
  /** The versions that it refused, the latest last, by name of the secret. */
  readonly refused: ReadonlyMap<string, readonly string[]>;
}

/** A connected proxy: all streams of one node id in one mesh. */
export interface ProxyRecord extends ProxyMemory {
  readonly streams: ReadonlySet<StreamRecord>;
}

/**
 * How the last connection of a proxy ended: the proxy closed it (`closed`), it broke or nothing came from the
 * proxy any more (`silence`), or the server ended it (`server`).
 */
export type Ending = 'closed' | 'silence' | 'server';

/** A proxy without a stream. */
export interface GoneRecord extends ProxyMemory {
  readonly goneAt: number;
  readonly address: string;
  readonly userAgent: string;
  readonly ending: Ending;
  /** From then on, no roll-out counts the proxy; `goneAt` if none ever did. */
  readonly countedUntil: number;
  /** What it had acknowledged is not known: the process that knew is gone. */
  readonly isUnknown?: boolean | undefined;
  /** The streams as they were when they ended; none once no roll-out counts the proxy. */
  readonly streams: ReadonlySet<StreamRecord>;
}
