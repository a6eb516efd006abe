import type { StreamInfo, XdsObserver } from '../xds/index.ts';

/** Who is connected. */
export interface ProxyCensus {
  readonly observer: XdsObserver;
  /** Number of proxies with an open stream in a mesh: distinct node ids, and streams without one. */
  readonly proxies: (mesh: string) => number;
  /** The open streams. */
  readonly streams: () => Iterable<StreamInfo>;
}

/** Makes a census. It keeps the streams alone and counts when it is asked: questions are rare, streams many. */
export function createProxyCensus(): ProxyCensus {
  const open = new Set<StreamInfo>();
  return {
    observer: {
      streamOpened: (stream) => void open.add(stream),
      streamClosed: (stream) => void open.delete(stream),
    },
    proxies(mesh) {
      const nodes = new Set<string>();
      let anonymous = 0;
      for (const { group, nodeId } of open) {
        if (group !== mesh) continue;
        if (nodeId === '') anonymous += 1;
        else nodes.add(nodeId);
      }
      return nodes.size + anonymous;
    },
    streams: () => open,
  };
}
