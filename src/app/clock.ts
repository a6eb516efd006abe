/** Time and timers, as an argument: tests drive them by hand. */
export interface Clock {
  /** Milliseconds that only go forward, from any origin. */
  readonly monotonic: () => number;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** Calls back once after so many milliseconds; returns what cancels it. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};
