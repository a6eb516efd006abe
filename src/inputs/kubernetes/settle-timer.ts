import { timerMs } from '../../xds/timers/timers.ts';

/** Times after which pending deletions are reported, in milliseconds. */
export interface SettleTimes {
  /** Time without another deletion. */
  readonly quietMs: number;
  /** Maximum time since the first deletion. */
  readonly maxMs: number;
}

/** If more than this share of all objects is deleted, it may be a mass loss, which is only recognised as a whole. */
const massShare = 0.05;

/**
 * Returns the settle times for `leaving` deletions among `known` objects, which include the deleted ones. `settleMs` is
 * the time for a single deletion. Several deletions wait longer, because more of the same cause may follow. An API
 * server deletes 100 to 200 objects per second, with pauses. If the loss of 5,000 objects were reported in parts, each
 * part would be less than half of all objects, and the guard would hold none of them.
 */
export function settleTimesFor(leaving: number, known: number, settleMs: number): SettleTimes {
  if (leaving <= 1) return { quietMs: settleMs, maxMs: settleMs };
  const isMass = leaving > massShare * known;
  return { quietMs: 10 * settleMs, maxMs: (isMass ? 3_000 : 100) * settleMs };
}

export interface SettleTimer {
  /** Starts the quiet time again. The maximum counts from the first call. */
  restart(times: SettleTimes): void;
  /** Stops the timer. */
  clear(): void;
}

/** Creates a timer that calls `callback` once when the quiet time or the maximum of the last `restart` is over. */
export function createSettleTimer(callback: () => void): SettleTimer {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const clear = (): void => {
    clearTimeout(timer);
    since = undefined;
  };
  return {
    restart: ({ quietMs, maxMs }) => {
      const now = performance.now();
      since ??= now;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          since = undefined;
          callback();
        },
        timerMs(Math.max(0, Math.min(quietMs, since + maxMs - now))),
      );
    },
    clear,
  };
}
