import { LRUCache } from 'lru-cache';
import { plainText } from '../../text/plain-text.ts';
import type { StreamInfo } from '../../xds/index.ts';
import type { Logger } from './log.ts';

/** A stream that has sent its first request. */
export type NamedStream = Pick<
  StreamInfo,
  'nodeId' | 'group' | 'identity' | 'address' | 'transport' | 'protocol'
>;

/** Logs which proxies connect and disconnect, from their streams. */
export interface ProxyLog {
  /** Called once for each stream, with its first request. Returns the key of its proxy; `undefined` if it has none. */
  readonly opened: (stream: NamedStream) => string | undefined;
  /** Called once at the end of each such stream, with what `opened` returned; the key is computed again without it. */
  readonly closed: (stream: NamedStream, key?: string) => void;
}

export interface ProxyLogOptions {
  readonly log: Pick<Logger, 'info' | 'child'>;
  /** Calls a function once at the end of a window. Default: a timer that does not keep the process alive. */
  readonly schedule?: ((work: () => void) => void) | undefined;
}

/** Maximum number of lines about proxies in a window. One more line counts the suppressed ones by kind. */
export const proxyLinesInWindow = 20;
const proxyWindowMs = 10_000;
/** Maximum number of disconnected proxies that are remembered, to log a later connection as a reconnection. */
const mostNames = 10_000;
/** Maximum length of a node id or mesh in a line. */
const nameLength = 200;
const identityLength = 300;

const kinds = {
  connected: 'proxy-connected',
  reconnected: 'proxy-reconnected',
  disconnected: 'proxy-disconnected',
} as const;

type Kind = keyof typeof kinds;

/**
 * Logs when a proxy connects for the first time, disconnects, or reconnects. A proxy is identified by its node id and
 * its mesh, which the first request of a stream contains, and by its identity. It may have several streams. The lines
 * of authenticated proxies belong to the audit record: they say under which identity a proxy acknowledges.
 */
export function createProxyLog({
  log,
  schedule = (work) => void setTimeout(work, proxyWindowMs).unref(),
}: ProxyLogOptions): ProxyLog {
  /** The number of streams of each connected proxy. */
  const connected = new Map<string, number>();
  const known = new LRUCache<string, true>({ max: mostNames });
  const audit = log.child({ audit: true }, { level: 'info' });
  let lines = 0;
  let isOpen = false;
  let suppressed: Partial<Record<Kind, number>> = {};
  let isAudited = false;

  function endWindow(): void {
    const counts = suppressed;
    const to = isAudited ? audit : log;
    [isOpen, isAudited, lines, suppressed] = [false, false, 0, {}];
    const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
    if (parts.length === 0) return;
    to.info(
      { event: 'proxies', ...counts, seconds: proxyWindowMs / 1000 },
      `more proxies in the last ${proxyWindowMs / 1000} s: ${parts.join(', ')}`,
    );
  }

  function write(kind: Kind, stream: NamedStream): void {
    if (!isOpen) {
      isOpen = true;
      schedule(endWindow);
    }
    if (lines >= proxyLinesInWindow) {
      suppressed[kind] = (suppressed[kind] ?? 0) + 1;
      isAudited ||= stream.identity !== undefined;
      return;
    }
    lines += 1;
    const { nodeId, group, identity: name, address, transport, protocol } = stream;
    const identity = name === undefined ? undefined : plainText(name, identityLength);
    const [node, mesh] = [plainText(nodeId, nameLength), plainText(group ?? '', nameLength)];
    const place = kind === 'disconnected' ? '' : ` from ${address}`;
    (identity === undefined ? log : audit).info(
      { event: kinds[kind], node, mesh, identity, address, transport, protocol },
      `${nameOf(node)} of mesh ${mesh} ${kind}${place}`,
    );
  }

  return {
    opened(stream) {
      const key = keyOf(stream);
      const streams = key === undefined ? 0 : (connected.get(key) ?? 0);
      if (key !== undefined) connected.set(key, streams + 1);
      if (streams === 0) write(key !== undefined && known.has(key) ? 'reconnected' : 'connected', stream);
      return key;
    },
    closed(stream, key = keyOf(stream)) {
      if (key === undefined) return write('disconnected', stream);
      const streams = (connected.get(key) ?? 1) - 1;
      if (streams > 0) return void connected.set(key, streams);
      connected.delete(key);
      known.set(key, true);
      write('disconnected', stream);
    },
  };
}

/** Returns the key of a proxy. Proxies without a node id cannot be distinguished: each of their streams is a proxy. */
function keyOf({ nodeId, group = '', identity = '' }: NamedStream): string | undefined {
  if (nodeId === '') return undefined;
  const [node, mesh] = [plainText(nodeId, nameLength), plainText(group, nameLength)];
  return `${node}\0${mesh}\0${plainText(identity, identityLength)}`;
}

/** Returns the name of a proxy in a message. */
export function nameOf(node: string): string {
  return node === '' ? 'a proxy without a node id' : `proxy ${node}`;
}
