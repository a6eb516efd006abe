import type { SourceEvent } from '../../trust/source.ts';

const firstRetryMs = 100;
const lastRetryMs = 5_000;

/** Which directories cannot be listed, and when each is to be tried again. Times are monotonic milliseconds. */
export interface Failures {
  /** Notes a failure; tells it when it is new or has another reason. */
  fail(path: string, reason: string, now: number): readonly SourceEvent[];
  /** Notes a success; tells it when there was a failure. */
  succeed(path: string): readonly SourceEvent[];
  /** Forgets a directory that is no longer wanted. */
  forget(path: string): void;
  /** The paths whose time has come; each is given once for each failure. */
  due(now: number): readonly string[];
  /** When the next one is due. */
  next(): number | undefined;
  has(path: string): boolean;
  readonly size: number;
}

interface Failure {
  readonly reason: string;
  readonly attempts: number;
  readonly retryAt: number;
}

/** Makes an empty set of failures; a retry comes after 100 ms, then twice as long each time, up to 5 s. */
export function createFailures(): Failures {
  const failures = new Map<string, Failure>();
  return {
    fail: (path, reason, now) => {
      const before = failures.get(path);
      const attempts = (before?.attempts ?? 0) + 1;
      const retryAt = now + Math.min(firstRetryMs * 2 ** (attempts - 1), lastRetryMs);
      failures.set(path, { reason, attempts, retryAt });
      return before?.reason === reason ? [] : [{ kind: 'failed', path, reason }];
    },
    succeed: (path) => (failures.delete(path) ? [{ kind: 'recovered', path }] : []),
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
