import type { Change, SnapshotStore } from '../core/snapshot-store.ts';

/** A stream, as the hub drives it. */
export interface HubStream {
  /** Undefined until the first request. */
  readonly group: string | undefined;
  changed(change: Change): void;
  /** Sends what there is to send now. */
  pump(): void;
  /** Ends the stream with UNAVAILABLE. */
  drain(): void;
}

/** All open streams of a server: who hears of a change, and who is to be woken later. */
export interface Hub {
  readonly size: number;
  add(stream: HubStream): void;
  /** The stream knows its group now. */
  joined(stream: HubStream): void;
  remove(stream: HubStream): void;
  /** Pumps the stream at the next tick after a time of the clock; undefined: not needed any more. */
  wake(stream: HubStream, at: number | undefined): void;
  /**
   * Waits until no stream is left, or for the grace; then ends those that are left, and hears of changes no
   * more.
   */
  drain(graceMs: number): Promise<void>;
}

/** Makes a hub. One coarse timer serves all streams, and only runs while one of them waits. */
export function createHub(store: SnapshotStore, clock: () => number, tickMs: number): Hub {
  const streams = new Set<HubStream>();
  const groups = new Map<string, Set<HubStream>>();
  const waiting = new Map<HubStream, number>();
  let ticker: NodeJS.Timeout | undefined;
  const onEmpty = new Set<() => void>();

  const subscription = store.subscribe((change) => {
    const concerned = change.group === undefined ? streams : groups.get(change.group);
    for (const stream of concerned ?? []) stream.changed(change);
  });

  function tick(): void {
    const now = clock();
    for (const [stream, at] of waiting) {
      if (at > now) continue;
      waiting.delete(stream);
      stream.pump();
    }
    stopIdleTicker();
  }

  function stopIdleTicker(): void {
    if (waiting.size > 0 || ticker === undefined) return;
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    get size() {
      return streams.size;
    },
    add(stream) {
      streams.add(stream);
    },
    joined(stream) {
      if (stream.group === undefined) return;
      const members = groups.get(stream.group);
      if (members === undefined) groups.set(stream.group, new Set([stream]));
      else members.add(stream);
    },
    remove(stream) {
      streams.delete(stream);
      waiting.delete(stream);
      stopIdleTicker();
      const members = stream.group === undefined ? undefined : groups.get(stream.group);
      if (members?.delete(stream) === true && members.size === 0) groups.delete(stream.group ?? '');
      if (streams.size === 0) for (const resolve of onEmpty) resolve();
    },
    wake(stream, at) {
      if (at === undefined) {
        // Nearly always the case, so the cheap test comes first.
        if (waiting.size > 0 && waiting.delete(stream)) stopIdleTicker();
        return;
      }
      waiting.set(stream, at);
      ticker ??= setInterval(tick, tickMs).unref();
    },
    async drain(graceMs) {
      if (streams.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, graceMs);
        onEmpty.add(resolve);
        await promise;
        onEmpty.delete(resolve);
        clearTimeout(timer);
      }
      for (const stream of streams) stream.drain();
      subscription[Symbol.dispose]();
    },
  };
}
