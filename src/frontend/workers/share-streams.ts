import type { NamedStream, ProxyLog } from '../../observe/log/log-proxies.ts';
import type { StreamInfo, XdsObserver } from '../../xds/index.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import type { StreamEvent } from './messages.ts';

/** Collects the beginnings and ends of the streams of a worker, in their order. */
export interface StreamCollector {
  readonly observer: Required<Pick<XdsObserver, 'request' | 'streamClosed'>>;
  /** Returns the events since the last call. */
  readonly take: () => readonly StreamEvent[];
}

/** Creates a collector. The parent logs the proxies: only it knows whether a proxy is connected to another worker. */
export function collectStreams(): StreamCollector {
  const named = new WeakSet<StreamInfo>();
  let events: StreamEvent[] = [];
  return {
    observer: {
      request(stream) {
        if (named.has(stream)) return;
        named.add(stream);
        const { id, nodeId, group, identity, address, transport, protocol } = stream;
        events.push({ id, began: { nodeId, group, identity, address, transport, protocol } });
      },
      streamClosed(stream) {
        if (named.has(stream)) events.push({ id: stream.id });
      },
    },
    take() {
      const taken = events;
      events = [];
      return taken;
    },
  };
}

/** The streams of all workers. */
export interface FollowedStreams {
  apply(worker: number, events: readonly StreamEvent[]): void;
  /** The worker ended, and all of its streams with it. */
  readonly end: (worker: number) => void;
  /** Reports the ends that still wait. */
  readonly settle: () => void;
}

/** The delay from a change at a worker to its report, in ms. */
export const reportDelayMs = 200;
/** Time for which the end of a stream waits, in ms: another worker may report later that the proxy moved to it. */
const settleMs = 2 * reportDelayMs;

/**
 * Reports the streams of all workers to the log of proxies. Ends are reported late: reports of workers arrive in any
 * order, and a proxy that has moved to another worker would be logged as disconnected and reconnected.
 */
export function followStreams(
  log: ProxyLog,
  schedule: (work: () => void) => void = (work) => void setTimeout(work, timerMs(settleMs)).unref(),
): FollowedStreams {
  const workers = new Map<number, Map<number, NamedStream>>();
  const waiting = new Set<readonly NamedStream[]>();

  function report(closed: readonly NamedStream[]): void {
    if (waiting.delete(closed)) for (const stream of closed) log.closed(stream);
  }

  return {
    apply(worker, events) {
      const streams = workers.get(worker) ?? new Map<number, NamedStream>();
      workers.set(worker, streams);
      const closed: NamedStream[] = [];
      for (const { id, began } of events) {
        if (began !== undefined) {
          streams.set(id, began);
          log.opened(began);
          continue;
        }
        const stream = streams.get(id);
        streams.delete(id);
        if (stream !== undefined) closed.push(stream);
      }
      if (closed.length === 0) return;
      waiting.add(closed);
      schedule(() => report(closed));
    },
    end(worker) {
      for (const stream of workers.get(worker)?.values() ?? []) log.closed(stream);
      workers.delete(worker);
    },
    settle() {
      for (const closed of waiting) report(closed);
    },
  };
}
