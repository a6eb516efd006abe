import { secretTypeUrl } from '../snapshot/publisher.ts';
import type { ServedMeshes } from '../snapshot/publisher.ts';
import type { StreamInfo, XdsObserver } from '../xds/index.ts';

/** The proxies of a mesh, and how many of them have what is served. */
export interface AckCount {
  /** Distinct node ids, and streams without one. */
  readonly connected: number;
  readonly acked: number;
}

/** Who has acknowledged what is served. */
export interface AckTally {
  readonly observer: XdsObserver;
  /** This is served from now on, and on its way to the streams. */
  published(states: ServedMeshes): void;
  /** For each mesh with connected proxies. */
  byMesh(): ReadonlyMap<string, AckCount>;
}

/** What one stream was sent: versions by name. */
interface Sent {
  /** Neither acknowledged nor refused yet. */
  readonly outstanding: Map<string, string | undefined>;
  readonly refused: Map<string, string>;
}

/** A change reaches all streams within this time, even where nobody is told that it has; ms. */
const fanOutMs = 2_000;

/**
 * Counts by what is outstanding, not by what was acknowledged: a proxy has what is served when the change has gone
 * out, and nothing that went to it waits for an answer or was refused. Times are monotonic milliseconds.
 */
export function createAckTally(now: () => number = () => performance.now()): AckTally {
  const open = new Map<StreamInfo, Sent>();
  let served: ServedMeshes = new Map();
  let goingOutSince: number | undefined;

  const isRefused = (mesh: string, { refused }: Sent): boolean => {
    const secrets = served.get(mesh)?.secrets.secrets;
    return refused.entries().some(([name, version]) => secrets?.get(name)?.version === version);
  };

  return {
    observer: {
      streamOpened: (stream) => void open.set(stream, { outstanding: new Map(), refused: new Map() }),
      streamClosed: (stream) => void open.delete(stream),
      request: (stream, { typeUrl, kind }) => {
        // Until it is answered for the first time, a proxy has nothing.
        if (typeUrl === secretTypeUrl && kind === 'initial') open.get(stream)?.outstanding.set('', undefined);
      },
      response: (stream, { typeUrl, resources }) => {
        if (typeUrl !== secretTypeUrl) return;
        const sent = open.get(stream);
        sent?.outstanding.delete('');
        for (const { name, version } of resources) sent?.outstanding.set(name, version);
      },
      acked: (stream, { typeUrl, name, version, unconfirmed }) => {
        const sent = typeUrl === secretTypeUrl ? open.get(stream) : undefined;
        if (sent?.outstanding.get(name) === version) sent?.outstanding.delete(name);
        // An Envoy acknowledges refused bytes when they come again.
        if (unconfirmed && version !== undefined) sent?.refused.set(name, version);
      },
      quoted: (stream, { typeUrl, name, version, unconfirmed }) => {
        const sent = typeUrl === secretTypeUrl ? open.get(stream) : undefined;
        sent?.outstanding.delete('');
        if (unconfirmed) sent?.refused.set(name, version);
      },
      nacked: (stream, { typeUrl, resources }) => {
        const sent = typeUrl === secretTypeUrl ? open.get(stream) : undefined;
        for (const { name, version } of resources) {
          if (version !== undefined) sent?.refused.set(name, version);
          if (sent?.outstanding.get(name) === version) sent?.outstanding.delete(name);
        }
      },
      fannedOut: () => {
        goingOutSince = undefined;
      },
    },
    published(states) {
      served = states;
      goingOutSince = now();
    },
    byMesh() {
      const isGoingOut = goingOutSince !== undefined && now() - goingOutSince < fanOutMs;
      const grouped = Map.groupBy(open, ([{ group }]) => group);
      const counts = new Map<string, AckCount>();
      for (const [mesh, streams] of grouped) {
        if (mesh === undefined) continue;
        const nodes = new Map<string, boolean>();
        for (const [{ id, nodeId }, sent] of streams) {
          const node = nodeId === '' ? `\0${id}` : nodeId;
          const has = !isGoingOut && sent.outstanding.size === 0 && !isRefused(mesh, sent);
          nodes.set(node, has && (nodes.get(node) ?? true));
        }
        const acked = nodes.values().reduce((sum, has) => sum + (has ? 1 : 0), 0);
        counts.set(mesh, { connected: nodes.size, acked });
      }
      return counts;
    },
  };
}
