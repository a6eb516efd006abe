import type { SourceEvent } from '../../trust/source.ts';

const firstRetryMs = 100;
const lastRetryMs = 5_000;

/** The directories that cannot be listed, and when to try each again. Times are monotonic milliseconds. */
export interface Failures {
  /** Records a failure. Returns an event if it is new, or if its reason has changed. */
  fail(path: string, reason: string, now: number): readonly SourceEvent[];
  /** Records a failure that may end in a moment. Returns an event if it lasts until the first retry. */
  doubt(path: string, reason: string, now: number): readonly SourceEvent[];
  /** Records a success. Returns an event if a failure was reported. */
  succeed(path: string): readonly SourceEvent[];
  /** Removes a directory without an event. */
  forget(path: string): void;
  /** Returns the paths that must be tried again now. Each is returned once per failure. */
  due(now: number): readonly string[];
  /** Returns the time at which the next path is due, if any. */
  next(): number | undefined;
  has(path: string): boolean;
  readonly size: number;
}

interface Failure {
  /** The reason that was reported. `undefined` for a failure in doubt. */
  readonly reported: string | undefined;
  readonly since: number;
  readonly attempts: number;
  readonly retryAt: number;
}

/** Creates an empty set of failures. The first retry is after 100 ms. The time doubles each time, up to 5 s. */
export function createFailures(): Failures {
  const failures = new Map<string, Failure>();

  function fail(path: string, reason: string, now: number): readonly SourceEvent[] {
    const before = failures.get(path);
    const attempts = (before?.attempts ?? 0) + 1;
    const retryAt = now + Math.min(firstRetryMs * 2 ** (attempts - 1), lastRetryMs);
    failures.set(path, { reported: reason, since: before?.since ?? now, attempts, retryAt });
    return before?.reported === reason ? [] : [{ kind: 'failed', path, reason }];
  }

  return {
    fail,
    doubt: (path, reason, now) => {
      const before = failures.get(path);
      if (before === undefined)
        failures.set(path, { reported: undefined, since: now, attempts: 1, retryAt: now + firstRetryMs });
      const isCertain = before?.reported !== undefined || now - (before?.since ?? now) >= firstRetryMs;
      return isCertain ? fail(path, reason, now) : [];
    },
    succeed: (path) => {
      const isReported = failures.get(path)?.reported !== undefined;
      failures.delete(path);
      return isReported ? [{ kind: 'recovered', path }] : [];
    },
    forget: (path) => {
      failures.delete(path);
    },
    due: (now) => {
      const paths: string[] = [];
      for (const [path, failure] of failures) {
        if (failure.retryAt > now) continue;
        paths.push(path);
        failures.set(path, { ...failure, retryAt: Number.POSITIVE_INFINITY });
      }
      return paths;
    },
    next: () => {
      const times = [...failures.values()].map(({ retryAt }) => retryAt).filter(Number.isFinite);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    has: (path) => failures.has(path),
    get size() {
      return failures.size;
    },
  };
}
