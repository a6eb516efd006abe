import { after } from '../xds/timers/timers.ts';

/** Time and timers as an argument, so that tests control them. */
export interface Clock {
  /** Milliseconds of a monotonic clock with any origin. */
  readonly monotonic: () => number;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** Calls back once after a number of milliseconds of any size. Returns a function that cancels it. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after,
};
