import { createFanOut } from '../core/fan-out.ts';
import type { FanOut, Listener, Step } from '../core/fan-out.ts';
import type { SnapshotStore } from '../core/snapshot-store.ts';
import { after, timerMs } from '../timers/timers.ts';

/** A stream, as the hub drives it. */
export interface HubStream extends Listener {
  /** Undefined until the first request. */
  readonly group: string | undefined;
  /** Looks for what went wrong without an event: called every few seconds, with the clock's time. */
  sweep(now: number): void;
  /** Ends the stream with UNAVAILABLE. */
  drain(): void;
}

/** What went out between two moments at which all streams knew of all changes. */
export interface FannedOut {
  /** How often a stream was told of changes. */
  readonly visits: number;
  /** From the first change to the last stream that was told of it, or of a later one; ms. */
  readonly durationMs: number;
  /** How often other work was let in between, plus one. */
  readonly slices: number;
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

/** What a hub is made with. Times are in ms. */
export interface HubOptions {
  readonly store: SnapshotStore;
  readonly clock: () => number;
  readonly tickMs: number;
  /** How often a part of the streams is swept. */
  readonly sweepMs: number;
  /** How long changes go out before other work is let in. */
  readonly sliceMs: number;
  readonly fannedOut: (fannedOut: FannedOut) => void;
}

/** Streams that are told of changes between two looks at the clock. */
const streamsInStep = 32;
/** Sweeps until all streams are swept: to look at each every second is a fifth of what idle ones cost. */
const sweepsInRound = 4;

/**
 * Makes a hub. Changes go out in slices, between which the event loop runs: 10,000 streams must not keep a
 * new one, a health check or an ACK waiting. Two coarse timers serve all streams: one runs while any of them
 * waits to be woken, the other while there is any.
 */
export function createHub({ store, clock, tickMs, sweepMs, sliceMs, fannedOut }: HubOptions): Hub {
  const streams = new Set<HubStream>();
  const groups = new Map<string, FanOut>();
  const waiting = new Map<HubStream, number>();
  /** What has something to send; the first is next, and goes to the end after its step. */
  const busy = new Set<{ step(most: number): Step }>();
  let slice: NodeJS.Immediate | 'running' | undefined;
  let since = 0;
  let [visits, slices] = [0, 0];
  let ticker: NodeJS.Timeout | undefined;
  let sweeper: NodeJS.Timeout | undefined;
  let unswept = streams.values();
  const onEmpty = new Set<() => void>();

  const subscription = store.subscribe((change) => {
    for (const group of change.group === undefined ? groups.keys() : [change.group]) {
      const fanOut = groups.get(group);
      fanOut?.publish(change);
      if (fanOut !== undefined) busy.add(fanOut);
    }
    begin();
  });

  /** The first slice is done at once: a few streams need no second. */
  function begin(): void {
    if (slice !== undefined || busy.size === 0) return;
    since = clock();
    [visits, slices] = [0, 0];
    run();
  }

  function run(): void {
    slice = 'running';
    slices += 1;
    const until = clock() + sliceMs;
    for (const next of busy) {
      busy.delete(next);
      const { visited, done } = next.step(streamsInStep);
      visits += visited;
      if (!done) busy.add(next);
      if (clock() >= until) break;
    }
    slice = busy.size > 0 ? setImmediate(run) : undefined;
    if (slice === undefined && visits > 0) fannedOut({ visits, durationMs: clock() - since, slices });
  }

  function tick(): void {
    const now = clock();
    const overdue: HubStream[] = [];
    for (const [stream, at] of waiting) {
      if (at > now) continue;
      waiting.delete(stream);
      overdue.push(stream);
    }
    stopIdleTicker();
    if (overdue.length === 0) return;
    busy.add(pumping(overdue));
    begin();
  }

  function sweep(): void {
    const now = clock();
    for (let left = Math.ceil(streams.size / sweepsInRound); left > 0; left -= 1) {
      let next = unswept.next();
      if (next.done === true) {
        unswept = streams.values();
        next = unswept.next();
      }
      next.value?.sweep(now);
    }
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
      sweeper ??= setInterval(sweep, timerMs(sweepMs)).unref();
    },
    joined(stream) {
      if (stream.group === undefined) return;
      let fanOut = groups.get(stream.group);
      if (fanOut === undefined) groups.set(stream.group, (fanOut = createFanOut()));
      fanOut.add(stream);
    },
    remove(stream) {
      streams.delete(stream);
      waiting.delete(stream);
      stopIdleTicker();
      const fanOut = stream.group === undefined ? undefined : groups.get(stream.group);
      if (fanOut?.delete(stream) === true && fanOut.size === 0) groups.delete(stream.group ?? '');
      if (streams.size > 0) return;
      clearInterval(sweeper);
      sweeper = undefined;
      for (const resolve of onEmpty) resolve();
    },
    wake(stream, at) {
      if (at === undefined) {
        // Nearly always the case, so the cheap test comes first.
        if (waiting.size > 0 && waiting.delete(stream)) stopIdleTicker();
        return;
      }
      waiting.set(stream, at);
      ticker ??= setInterval(tick, timerMs(tickMs)).unref();
    },
    async drain(graceMs) {
      if (streams.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const cancel = after(graceMs, resolve);
        onEmpty.add(resolve);
        await promise;
        onEmpty.delete(resolve);
        cancel();
      }
      for (const stream of streams) stream.drain();
      subscription[Symbol.dispose]();
    },
  };
}

/** Streams that are pumped in turn. */
function pumping(overdue: readonly HubStream[]): { step(most: number): Step } {
  let next = 0;
  return {
    step(most) {
      const end = Math.min(overdue.length, next + most);
      const visited = end - next;
      for (; next < end; next += 1) overdue[next]?.pump();
      return { visited, done: next === overdue.length };
    },
  };
}
