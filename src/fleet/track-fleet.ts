import { secretTypeUrl } from '../trust/snapshot/publisher.ts';
import { StreamNotes } from '../xds/index.ts';
import type { StreamEnd, StreamInfo, XdsObserver } from '../xds/index.ts';
import { createAnswerNotes } from './answer-notes.ts';
import { noRefused, endings, worstOf, hasAcknowledged } from './records.ts';
import { returnWithinMs } from './assess.ts';
import { createEndedStreams } from './ended-streams.ts';
import { createGoneList } from './gone-list.ts';
import type { Forgotten, GoneLimits } from './gone-list.ts';
import type { LostProxyKey } from './moved.ts';
import type { Ending, GoneRecord, ProxyRecord } from './records.ts';
import type { ServedHistory } from './served-history.ts';
import { noteSent, trackStream } from './tracked-stream.ts';
import type { TrackedProxy, TrackedStream } from './tracked-stream.ts';
import type { Unlisted } from './unlisted.ts';

/** Tracks the connected proxies, and what each was sent and has acknowledged. */
export interface FleetTracker {
  readonly observer: XdsObserver;
  /** Returns the connected proxies of a mesh, or of all. The records change later: copy what you need to keep. */
  readonly connected: (mesh?: string) => Iterable<ProxyRecord>;
  /** Returns the number of connected proxies of a mesh. */
  readonly count: (mesh: string) => number;
  /** Returns the number of connected proxies of each mesh that has any. */
  readonly counts: () => ReadonlyMap<string, number>;
  /** Returns the proxies of a mesh, or of all meshes, that disconnected recently. */
  readonly gone: (mesh?: string) => Iterable<GoneRecord>;
  /** Returns the number of lost proxies beyond those that are kept by name. */
  readonly forgotten: () => Forgotten;
  /** Returns the number of proxies that left and that are not in `gone`. */
  readonly unlisted: () => readonly Unlisted[];
  /** Returns the number of these proxies and of all others that no roll-out waits for. */
  readonly settled: () => readonly Unlisted[];
  /** Stops waiting for these proxies: they are connected to another server. */
  readonly release: (proxies: readonly LostProxyKey[]) => void;
}

const noProxies: ReadonlyMap<string, TrackedProxy> = new Map();

/** The most ended streams, and secrets on them, that are kept of all connected proxies: some 20 MB. */
const mostEnded = 50_000;

/** The default time for which roll-outs count a lost proxy, in ms. */
export const defaultLostWindowMs = 600_000;

export interface TrackerOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The time for which roll-outs count a lost proxy, in ms; 0: not at all. Default: 10 minutes. */
  readonly lostWindowMs?: number | undefined;
  readonly limits?: Partial<GoneLimits> | undefined;
  /** The served versions, to know which version a proxy had when it left. */
  readonly history?: ServedHistory | undefined;
}

/**
 * Creates a tracker that follows the events of streams. A push and its ACK cost a few look-ups and no allocation.
 * The memory for proxies without a connection is bounded.
 */
export function createFleetTracker({
  now,
  lostWindowMs = defaultLostWindowMs,
  limits,
  history,
}: TrackerOptions): FleetTracker {
  const streams = new StreamNotes<TrackedStream>();
  const meshes = new Map<string, Map<string, TrackedProxy>>();
  const left = createGoneList(limits, history);
  const endedStreams = createEndedStreams(lostWindowMs, mostEnded);
  const answers = createAnswerNotes(now);

  function join(info: StreamInfo): TrackedStream {
    const mesh = info.group ?? '';
    // Streams without a node id may be many proxies, so each counts as one.
    const key = info.nodeId === '' ? `\0${info.id}` : info.nodeId;
    let proxies = meshes.get(mesh);
    if (proxies === undefined) meshes.set(mesh, (proxies = new Map<string, TrackedProxy>()));
    const since = now();
    let proxy = proxies.get(key);
    if (proxy === undefined) {
      const before = left.take(mesh, key);
      proxy = {
        key,
        node: info.nodeId,
        mesh,
        since,
        nacks: before?.nacks ?? 0,
        lastNack: before?.lastNack,
        refused: before === undefined || before.refused.size === 0 ? noRefused : new Map(before.refused),
        streams: new Set(),
        ended: [],
        endedSize: 0,
      };
      proxies.set(key, proxy);
    }
    const stream = trackStream(info, since, proxy);
    proxy.streams.add(stream);
    // The proxy has reconnected, and subscribes to everything that it needs.
    endedStreams.clear(proxy);
    streams.set(info, stream);
    return stream;
  }

  function leave(stream: TrackedStream, { by }: StreamEnd): void {
    const { proxy, info, since: openedAt, awaiting, secrets } = stream;
    streams.delete(info);
    proxy.streams.delete(stream);
    const goneAt = now();
    const record = { info, since: openedAt, awaiting, secrets };
    endedStreams.add(proxy, record, endings[by], goneAt, proxy.streams.size === 0);
    if (proxy.streams.size > 0) return;
    const proxies = meshes.get(proxy.mesh);
    proxies?.delete(proxy.key);
    if (proxies?.size === 0) meshes.delete(proxy.mesh);
    const { key, node, mesh, since, nacks, lastNack, refused, ended } = proxy;
    const { address, userAgent } = info;
    const ending = worstOf(ended);
    left.add(key, {
      node,
      mesh,
      since,
      nacks,
      lastNack,
      refused,
      goneAt,
      address,
      userAgent,
      ending,
      countedUntil: goneAt + countedForMs(proxy, ending, lostWindowMs),
      streams: new Set(ended.map((one) => one.stream)),
    });
    endedStreams.clear(proxy);
  }

  function current(proxy: TrackedProxy): TrackedProxy {
    if (proxy.ended.length > 0) endedStreams.age(proxy, now());
    return proxy;
  }

  const observer: XdsObserver = {
    request: (info, { typeUrl, isSubscribed }) => {
      const stream = streams.get(info) ?? join(info);
      if (typeUrl !== secretTypeUrl || stream.isSubscribed === isSubscribed) return;
      stream.isSubscribed = isSubscribed;
      // A proxy has nothing until its first response. If it dropped everything before, no response follows.
      stream.awaiting = isSubscribed;
    },
    streamClosed: (info, end) => {
      const stream = streams.get(info);
      if (stream !== undefined) leave(stream, end);
    },
    response: (info, response) => {
      const stream = response.typeUrl === secretTypeUrl ? streams.get(info) : undefined;
      if (stream !== undefined) noteSent(stream, response, now());
    },
    acked: (info, ack) => {
      const stream = ack.typeUrl === secretTypeUrl ? streams.get(info) : undefined;
      if (stream !== undefined) answers.accept(stream, ack);
    },
    quoted: (info, quoted) => {
      const stream = quoted.typeUrl === secretTypeUrl ? streams.get(info) : undefined;
      if (stream !== undefined) answers.quote(stream, quoted);
    },
    nacked: (info, nack) => {
      const stream = nack.typeUrl === secretTypeUrl ? streams.get(info) : undefined;
      if (stream !== undefined) answers.refuse(stream, nack);
    },
    dropped: (info, { typeUrl, name }) => {
      const stream = typeUrl === secretTypeUrl ? streams.get(info) : undefined;
      if (stream !== undefined) answers.drop(stream, name);
    },
  };

  return {
    observer,
    connected: (mesh) => {
      const maps = mesh === undefined ? meshes.values() : [meshes.get(mesh) ?? noProxies].values();
      return maps.flatMap((proxies) => proxies.values()).map(current);
    },
    count: (mesh) => meshes.get(mesh)?.size ?? 0,
    counts: () => new Map(meshes.entries().map(([mesh, proxies]) => [mesh, proxies.size])),
    gone: (mesh) => {
      const all = left.list(now());
      return mesh === undefined ? all : Iterator.from(all).filter((gone) => gone.mesh === mesh);
    },
    forgotten: () => left.forgotten(now()),
    unlisted: () => left.unlisted(now()),
    settled: () => left.settled(now()),
    release: (proxies) => {
      for (const { mesh, node, goneAt } of proxies) left.release(mesh, node, goneAt);
    },
  };
}

/** Returns the time for which roll-outs count a proxy that left, in ms. */
function countedForMs({ node, ended }: TrackedProxy, ending: Ending, lostWindowMs: number): number {
  if (ending === 'silence') return lostWindowMs;
  // Without a node id, the return of the proxy cannot be recognised.
  if (node === '') return 0;
  if (ending === 'server') return lostWindowMs;
  // A client that acknowledged nothing has nothing that could be out of date: for example a diagnostic tool, or an
  // Envoy that failed to start.
  return ended.some(({ stream }) => hasAcknowledged(stream)) ? Math.min(returnWithinMs, lostWindowMs) : 0;
}
