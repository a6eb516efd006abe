import { setTimeout as delay } from 'node:timers/promises';

import { createTokenBucket } from '../../xds/rate/token-bucket.ts';
import type { Rate } from '../../xds/rate/token-bucket.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface WorkQueueOptions<Job> extends Rate {
  /** Maximum number of jobs that run at once. */
  readonly parallel: number;
  /** Maximum number of jobs that wait. A further job is dropped. */
  readonly maxWaiting: number;
  /** Runs one job. Must not throw. */
  readonly run: (key: string, job: Job) => Promise<void>;
  /** Called when a job is dropped because too many wait. */
  readonly onDropped: () => void;
}

/** A queue of jobs with keys. A new job replaces the waiting job of its key. */
export interface WorkQueue<Job> {
  put(key: string, job: Job): void;
  /** Puts a job that failed, unless a newer job of its key waits. */
  putAgain(key: string, job: Job): void;
  remove(key: string): void;
  clear(): void;
  /** Drops all waiting jobs, and resolves when no job runs. */
  close(): Promise<void>;
}

/** Creates a queue that runs its jobs in order, at a limited rate. */
export function createWorkQueue<Job>(options: WorkQueueOptions<Job>): WorkQueue<Job> {
  const { perSecond, burst, parallel, maxWaiting, run, onDropped } = options;
  const bucket = createTokenBucket({ perSecond, burst });
  const waiting = new Map<string, Job>();
  const running = new Set<string>();
  const closed = new AbortController();
  const { signal } = closed;
  const workers = new Set<Promise<void>>();

  /** Skips keys whose previous job still runs: two writes of one object must not overtake each other. */
  const nextKey = (): string | undefined => waiting.keys().find((key) => !running.has(key));

  const work = async (): Promise<void> => {
    while (!signal.aborted && nextKey() !== undefined) {
      const milliseconds = bucket.take(performance.now());
      if (milliseconds > 0) {
        await delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
        continue;
      }
      const key = nextKey();
      if (key === undefined) return;
      const job = waiting.get(key);
      waiting.delete(key);
      running.add(key);
      if (job !== undefined) await run(key, job);
      running.delete(key);
    }
  };

  const start = (): void => {
    if (workers.size >= parallel || signal.aborted) return;
    const worker: Promise<void> = work().then(() => {
      workers.delete(worker);
      if (waiting.size > 0 && nextKey() !== undefined) start();
    });
    workers.add(worker);
  };

  const put = (key: string, job: Job): void => {
    if (!waiting.has(key) && waiting.size >= maxWaiting) return onDropped();
    waiting.set(key, job);
    start();
  };

  return {
    put,
    putAgain: (key, job) => {
      if (!waiting.has(key)) put(key, job);
    },
    remove: (key) => void waiting.delete(key),
    clear: () => waiting.clear(),
    async close() {
      closed.abort();
      waiting.clear();
      await Promise.all(workers);
    },
  };
}
