import type { Clock } from '../../src/runtime/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks forward and runs the timers that are due, in order. */
  readonly advance: (milliseconds: number) => void;
  /** Moves only the wall clock, as an operator or NTP does. */
  readonly setWall: (epochMs: number) => void;
  readonly pending: () => number;
}

/** A clock that a test moves by hand. */
export function createFakeClock(epochMs = Date.UTC(2026, 10, 23)): FakeClock {
  let now = 1000;
  let wall = epochMs;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const nextDue = (until: number) =>
    [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  return {
    monotonic: () => now,
    wall: () => wall,
    after: (milliseconds, callback) => {
      const timer = { at: now + milliseconds, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (milliseconds) => {
      const until = now + milliseconds;
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        wall += timer.at - now;
        now = timer.at;
        timer.callback();
      }
      wall += until - now;
      now = until;
    },
    setWall: (time) => {
      wall = time;
    },
    pending: () => timers.size,
  };
}
