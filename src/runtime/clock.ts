import { after } from '../xds/timers/timers.ts';

/** Time and timers as an argument, so that tests control them. */
export interface Clock {
  /** Milliseconds of a monotonic clock with any origin. */
  readonly monotonic: () => number;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /**
   * Calls back once after a number of milliseconds of any size, and for 0 in the next turn of the event loop. Returns a
   * function that cancels it.
   */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  // A timer of Node.js waits at least 1 ms.
  after: (milliseconds, callback) =>
    milliseconds === 0 ? inNextTurn(callback) : after(milliseconds, callback),
};

function inNextTurn(callback: () => void): () => void {
  const immediate = setImmediate(callback);
  return () => clearImmediate(immediate);
}
