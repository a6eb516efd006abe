import type { Clock } from './clock.ts';

/**
 * The time between two builds of a burst of changes, in ms. The first change is built in the next turn of the event
 * loop.
 */
const burstPace = 50;
/** The longest sleep, so that a change of the wall clock is noticed. */
const longestSleep = 3_600_000;

/** Returns how long a change that comes now waits for its build. Times are monotonic milliseconds. */
export function waitForBuild(now: number, lastBuild: number): number {
  return Math.max(0, lastBuild + burstPace - now);
}

/** The times when the served state may change without an event; `undefined` for "never". */
export interface DueTimes {
  /** Monotonic milliseconds. */
  readonly deadlines: readonly (number | undefined)[];
  /** Epoch milliseconds. */
  readonly dates: readonly (number | undefined)[];
}

/** Returns how long to sleep until the first due time: from 1 ms to an hour. */
export function sleepUntilDue(now: number, wall: number, { deadlines, dates }: DueTimes): number {
  let wait = longestSleep;
  for (const deadline of deadlines) if (deadline !== undefined) wait = Math.min(wait, deadline - now);
  for (const date of dates) if (date !== undefined) wait = Math.min(wait, date - wall);
  return Math.max(1, wait);
}

/** Calls `build` soon after a request, and when something is due. */
export interface BuildTimer {
  /** Requests a build. All requests until it begins are one build. */
  request(): void;
  /** True from a request until its build begins. */
  readonly isRequested: boolean;
  /** Records that a build begins: `startedAt` in monotonic ms, and the epoch ms of the first request that it serves. */
  begin(): { readonly startedAt: number; readonly since: number };
  /** Replaces the times when a build is due without a request. */
  sleep(due: DueTimes): void;
  close(): void;
}

/** Creates a timer. `build` calls `begin` and, at its end, `sleep`. */
export function createBuildTimer(clock: Clock, build: () => void): BuildTimer {
  let cancelBuild: (() => void) | undefined;
  let cancelSleep: (() => void) | undefined;
  let lastBuild = -Infinity;
  let requestedAt: number | undefined;
  return {
    request() {
      requestedAt ??= clock.wall();
      cancelBuild ??= clock.after(waitForBuild(clock.monotonic(), lastBuild), build);
    },
    get isRequested() {
      return cancelBuild !== undefined;
    },
    begin() {
      cancelBuild?.();
      cancelBuild = undefined;
      lastBuild = clock.monotonic();
      const since = requestedAt ?? clock.wall();
      requestedAt = undefined;
      return { startedAt: lastBuild, since };
    },
    sleep(due) {
      cancelSleep?.();
      cancelSleep = clock.after(sleepUntilDue(clock.monotonic(), clock.wall(), due), build);
    },
    close() {
      cancelBuild?.();
      cancelSleep?.();
    },
  };
}
