import { createFanOut } from '../core/fan-out.ts';
import type { FanOut, Listener, Step } from '../core/fan-out.ts';
import type { SnapshotStore } from '../core/snapshot-store.ts';
import { LinkedList } from '../small/linked-list.ts';
import { after, timerMs } from '../timers/timers.ts';

/** A stream that the hub drives. */
export interface HubStream extends Listener<HubStream> {
  /** `undefined` until the first request. */
  readonly group: string | undefined;
  /**
   * Checks for conditions that raise no event, such as a slow client. Called every few seconds with the clock's
   * time.
   */
  sweep(now: number): void;
  /** Ends the stream with UNAVAILABLE. */
  drain(): void;
}

/**
 * The links of a stream, which only the hub writes. A base class, because an object for each stream would cost memory.
 */
export abstract class HubLinks {
  lastSeen = 0;
  list: LinkedList<HubStream> | undefined = undefined;
  previous: HubStream | undefined = undefined;
  next: HubStream | undefined = undefined;
}

/** The statistics of one fan-out: from the first change until all streams were notified of all changes. */
export interface FannedOut {
  /** Number of visits: notifications of one stream, of any number of changes. */
  readonly visits: number;
  /** Time from the first change until the responses to the last visits were written or queued, in ms. */
  readonly durationMs: number;
  /** Number of slices: one more than the pauses for other work. */
  readonly slices: number;
}

/** All open streams of a server. Notifies them of changes, and wakes them later if they ask for it. */
export interface Hub {
  readonly size: number;
  add(stream: HubStream): void;
  /** Adds the stream to its group, which is now known. */
  joined(stream: HubStream): void;
  remove(stream: HubStream): void;
  /** Schedules a pump of the stream, at the first tick after a time of the clock. `undefined` cancels it. */
  wake(stream: HubStream, at: number | undefined): void;
  /**
   * Waits until no stream is left, at most for the grace time. Then ends the streams that are left, and ignores
   * further changes of the store.
   */
  drain(graceMs: number): Promise<void>;
}

/** The parameters of a hub. Times are in ms. */
export interface HubOptions {
  readonly store: SnapshotStore;
  readonly clock: () => number;
  readonly tickMs: number;
  /** Time between two sweeps. Each sweep visits a part of the streams. */
  readonly sweepMs: number;
  /** Time for which changes are sent before other work gets a turn. */
  readonly sliceMs: number;
  readonly fannedOut: (fannedOut: FannedOut) => void;
  /** Called after each step. Writes the responses of the step, and must not throw. */
  readonly stepped: () => void;
}

/** Number of streams that are notified between two reads of the clock. */
const streamsInStep = 32;
/**
 * Number of sweeps that visit all streams. Visiting all of them every second is a fifth of the cost of idle
 * streams.
 */
const sweepsInRound = 4;

/**
 * Creates a hub. It sends changes in slices, between which the event loop runs: 10,000 streams must not delay a
 * new stream, a health check or an ACK. Two coarse timers serve all streams: one runs while a stream waits for a
 * wake-up, the other while there are streams.
 */
export function createHub({ store, clock, tickMs, sweepMs, sliceMs, fannedOut, stepped }: HubOptions): Hub {
  /** The streams without a group. */
  const newcomers = new LinkedList<HubStream>();
  const groups = new Map<string, FanOut<HubStream>>();
  /** Number of all streams. */
  let size = 0;
  const waiting = new Map<HubStream, number>();
  /** The fan-outs with something to send, in order of their turns. Each goes to the end after its step. */
  const busy = new Set<{ step(most: number): Step }>();
  /** The slice that runs, or the next one: set as long as `busy` has fan-outs, so that two never run at once. */
  let slice: NodeJS.Immediate | 'running' | undefined;
  // The statistics since `slice` was last undefined. They are reported when it is again.
  let startedAt = 0;
  let [visits, slices] = [0, 0];
  /** Runs as long as `waiting` has streams. */
  let ticker: NodeJS.Timeout | undefined;
  /** Runs as long as there are streams. */
  let sweeper: NodeJS.Timeout | undefined;
  const onEmpty = new Set<() => void>();

  const subscription = store.subscribe((change) => {
    for (const group of change.group === undefined ? groups.keys() : [change.group]) {
      const fanOut = groups.get(group);
      fanOut?.publish(change);
      if (fanOut !== undefined) busy.add(fanOut);
    }
    begin();
  });

  /** Starts sending. The first slice runs at once: for a few streams it is the only one. */
  function begin(): void {
    if (slice !== undefined || busy.size === 0) return;
    startedAt = clock();
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
      stepped();
      if (!done) busy.add(next);
      if (clock() >= until) break;
    }
    slice = busy.size > 0 ? setImmediate(run) : undefined;
    if (slice === undefined && visits > 0) fannedOut({ visits, durationMs: clock() - startedAt, slices });
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
    busy.add(pumpInTurn(overdue));
    begin();
  }

  /** Visits a part of the streams. */
  function sweep(): void {
    const now = clock();
    for (const list of [newcomers, ...groups.values()])
      list.visitNext(Math.ceil(list.size / sweepsInRound), (stream) => stream.sweep(now));
  }

  function stopIdleTicker(): void {
    if (waiting.size > 0 || ticker === undefined) return;
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    get size() {
      return size;
    },
    add(stream) {
      size += 1;
      newcomers.add(stream);
      sweeper ??= setInterval(sweep, timerMs(sweepMs)).unref();
    },
    joined(stream) {
      if (stream.group === undefined) return;
      let fanOut = groups.get(stream.group);
      if (fanOut === undefined) groups.set(stream.group, (fanOut = createFanOut<HubStream>()));
      fanOut.add(stream);
    },
    remove(stream) {
      waiting.delete(stream);
      stopIdleTicker();
      const fanOut = stream.group === undefined ? undefined : groups.get(stream.group);
      if (!newcomers.delete(stream) && fanOut?.delete(stream) !== true) return;
      if (fanOut?.size === 0) groups.delete(stream.group ?? '');
      size -= 1;
      if (size > 0) return;
      clearInterval(sweeper);
      sweeper = undefined;
      for (const resolve of onEmpty) resolve();
    },
    wake(stream, at) {
      if (at === undefined) {
        // The common case, so the cheap test comes first.
        if (waiting.size > 0 && waiting.delete(stream)) stopIdleTicker();
        return;
      }
      waiting.set(stream, at);
      ticker ??= setInterval(tick, timerMs(tickMs)).unref();
    },
    async drain(graceMs) {
      if (size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const cancel = after(graceMs, resolve);
        onEmpty.add(resolve);
        await promise;
        onEmpty.delete(resolve);
        cancel();
      }
      for (const list of [newcomers, ...groups.values()])
        list.visitNext(list.size, (stream) => stream.drain());
      subscription[Symbol.dispose]();
    },
  };
}

/** Returns a task that pumps the streams, some in each step. */
function pumpInTurn(overdue: readonly HubStream[]): { step(most: number): Step } {
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
