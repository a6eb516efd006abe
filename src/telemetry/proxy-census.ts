import type { StreamInfo, XdsObserver } from '../xds/index.ts';

/** Who is connected. */
export interface ProxyCensus {
  readonly observer: XdsObserver;
  /** Number of proxies with an open stream in a mesh: distinct node ids, and streams without one. */
  readonly proxies: (mesh: string) => number;
  /** The same for each mesh that has any. */
  readonly byMesh: () => ReadonlyMap<string, number>;
}

/** Makes a census. It keeps the streams alone and counts when it is asked: questions are rare, streams many. */
export function createProxyCensus(): ProxyCensus {
  const open = new Set<StreamInfo>();
  const byMesh = (): ReadonlyMap<string, number> => {
    const grouped = Map.groupBy(open, ({ group }) => group);
    return new Map(
      [...grouped].flatMap(([mesh, streams]) => (mesh === undefined ? [] : [[mesh, distinct(streams)]])),
    );
  };
  return {
    observer: {
      streamOpened: (stream) => void open.add(stream),
      streamClosed: (stream) => void open.delete(stream),
    },
    proxies: (mesh) => distinct([...open].filter(({ group }) => group === mesh)),
    byMesh,
  };
}

function distinct(streams: readonly StreamInfo[]): number {
  const nodes = new Set<string>();
  let anonymous = 0;
  for (const { nodeId } of streams) {
    if (nodeId === '') anonymous += 1;
    else nodes.add(nodeId);
  }
  return nodes.size + anonymous;
}
