import { sleepUntilDue, waitForBuild } from './build-times.ts';
import type { DueTimes } from './build-times.ts';
import type { Clock } from './clock.ts';

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
