import { after } from '../xds/timers/timers.ts';

/** Time and timers, as an argument: tests drive them by hand. */
export interface Clock {
  /** Milliseconds that only go forward, from any origin. */
  readonly monotonic: () => number;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** Calls back once after a time of any length, in ms. Returns a function that cancels it. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after,
};
