import type { StreamInfo, StreamEnd } from '../xds/index.ts';

/** The name of a proxy, common to all processes and servers. */
export interface ProxyName {
  readonly mesh: string;
  /** The node id, or a substitute that is unique in the mesh. */
  readonly node: string;
}

/** Returns a map key for a mesh and node. */
export function proxyKey({ mesh, node }: ProxyName): string {
  return `${mesh}\0${node}`;
}

/** The most rejected names that are kept for a proxy; usually there are two or three. */
const mostRefused = 100;
/** The most versions kept for a name: a rejected version and, if the proxy rejects it too, the previous one. */
const mostVersionsRefused = 4;

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
  /**
   * Nonce of the last response with the secret, until the proxy answers it. `undefined` if that is answered, or if it
   * and all responses on their way before it have the acknowledged version.
   */
  readonly unanswered?: string | undefined;
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
  /** The streams that ended since the proxy opened the last one. Absent: none. */
  readonly ended?: readonly EndedStream[] | undefined;
}

/**
 * How the last connection of a proxy ended: the proxy closed it (`closed`), it broke or the proxy no longer responded
 * (`silence`), or the server ended it (`server`).
 */
export type Ending = 'closed' | 'silence' | 'server';

/** A stream of a proxy that has ended. `at`: epoch milliseconds. */
export interface EndedStream {
  readonly stream: StreamRecord;
  readonly ending: Ending;
  readonly at: number;
}

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
  // Called at the end of each stream: the helpers of iterators would create several objects.
  for (const { acked } of secrets.values()) if (acked !== undefined) return true;
  return false;
}

/** Returns the authenticated identity of a proxy; `undefined` if it has none, or its streams are no longer known. */
export function identityOf({ streams }: ProxyRecord | GoneRecord): string | undefined {
  for (const { info } of streams) return info.identity;
  return undefined;
}

/** How the end of a stream is recorded. */
export const endings = { client: 'closed', silence: 'silence', server: 'server' } as const satisfies Record<
  StreamEnd['by'],
  Ending
>;

/** Returns the ending with the most uncertainty: a proxy counts as closed only if it closed all its streams. */
export function worstOf(ended: readonly { readonly ending: Ending }[]): Ending {
  if (ended.some(({ ending }) => ending === 'silence')) return 'silence';
  return ended.some(({ ending }) => ending === 'server') ? 'server' : 'closed';
}

interface Refusing {
  refused: Map<string, readonly string[]>;
}

/** The versions of all proxies that have rejected none. It stays empty: an own map takes 200 bytes. */
export const noRefused = new Map<string, readonly string[]>();

/** Records that a proxy rejected a version of a secret. */
export function noteRefused(proxy: Refusing, name: string, version: string): void {
  if (proxy.refused === noRefused) proxy.refused = new Map();
  const { refused } = proxy;
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  refused.delete(name);
  refused.set(name, [...versions, version].slice(-mostVersionsRefused));
  if (refused.size > mostRefused) refused.delete(refused.keys().next().value ?? '');
}

/** Records that a proxy accepted a version that it may have rejected before. */
export function forgetRefused({ refused }: Refusing, name: string, version: string): void {
  const versions = refused.get(name)?.filter((other) => other !== version) ?? [];
  if (versions.length === 0) refused.delete(name);
  else refused.set(name, versions);
}
