import { LRUCache } from 'lru-cache';
import { plainText } from '../../text/plain-text.ts';
import type { StreamInfo, XdsObserver } from '../../xds/index.ts';
import type { Logger } from './log.ts';

export interface ProxyLogOptions {
  readonly log: Pick<Logger, 'info' | 'debug'>;
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

const kinds = {
  connected: 'proxy-connected',
  reconnected: 'proxy-reconnected',
  disconnected: 'proxy-disconnected',
} as const;

type Kind = keyof typeof kinds;

/**
 * Logs when a proxy connects for the first time, disconnects, or reconnects. A proxy is identified by its node id and
 * its mesh, which the first request of a stream contains. It may have several streams.
 */
export function createProxyLog({
  log,
  schedule = (work) => void setTimeout(work, proxyWindowMs).unref(),
}: ProxyLogOptions): Required<Pick<XdsObserver, 'request' | 'streamClosed'>> {
  /** The number of streams of each connected proxy. */
  const connected = new Map<string, number>();
  const known = new LRUCache<string, true>({ max: mostNames });
  /** The proxy of each stream that sent a request. */
  const proxies = new WeakMap<StreamInfo, string>();
  let lines = 0;
  let isOpen = false;
  let suppressed: Partial<Record<Kind, number>> = {};

  function endWindow(): void {
    const counts = suppressed;
    [isOpen, lines, suppressed] = [false, 0, {}];
    const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
    if (parts.length === 0) return;
    log.info(
      { event: 'proxies', ...counts, seconds: proxyWindowMs / 1000 },
      `more proxies in the last ${proxyWindowMs / 1000} s: ${parts.join(', ')}`,
    );
  }

  function write(kind: Kind, stream: StreamInfo): void {
    if (!isOpen) {
      isOpen = true;
      schedule(endWindow);
    }
    if (lines >= proxyLinesInWindow) {
      suppressed[kind] = (suppressed[kind] ?? 0) + 1;
      return;
    }
    lines += 1;
    const { nodeId, group, address, transport, protocol } = stream;
    const [node, mesh] = [plainText(nodeId, nameLength), plainText(group ?? '', nameLength)];
    const place = kind === 'disconnected' ? '' : ` from ${address}`;
    log.info(
      { event: kinds[kind], node, mesh, address, transport, protocol },
      `${nameOf(node)} of mesh ${mesh} ${kind}${place}`,
    );
  }

  return {
    request(stream) {
      if (proxies.has(stream)) return;
      const { nodeId, group = '', id } = stream;
      // Proxies without a node id cannot be distinguished: each of their streams counts as a proxy.
      const key =
        nodeId === '' ? `\0${id}` : `${plainText(nodeId, nameLength)}\0${plainText(group, nameLength)}`;
      proxies.set(stream, key);
      const [node, mesh] = [plainText(nodeId, nameLength), plainText(group, nameLength)];
      log.debug(
        { event: 'stream-named', stream: id, node, mesh },
        `stream ${id}: ${nameOf(node)} of mesh ${mesh}`,
      );
      const streams = connected.get(key) ?? 0;
      connected.set(key, streams + 1);
      if (streams === 0) write(known.has(key) ? 'reconnected' : 'connected', stream);
    },
    streamClosed(stream) {
      const key = proxies.get(stream);
      if (key === undefined) return;
      proxies.delete(stream);
      const streams = (connected.get(key) ?? 1) - 1;
      if (streams > 0) return void connected.set(key, streams);
      connected.delete(key);
      if (stream.nodeId !== '') known.set(key, true);
      write('disconnected', stream);
    },
  };
}

function nameOf(node: string): string {
  return node === '' ? 'a proxy without a node id' : `proxy ${node}`;
}
