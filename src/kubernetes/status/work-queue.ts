import { setTimeout as delay } from 'node:timers/promises';

import { createTokenBucket } from '../../xds/rate/token-bucket.ts';
import type { Rate } from '../../xds/rate/token-bucket.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface WorkQueueOptions<Job> extends Rate {
  /** Jobs under way at once. */
  readonly parallel: number;
  /** What waits at most; what comes when that many wait is dropped. */
  readonly longest: number;
  /** Does one job; must not throw. */
  readonly run: (key: string, job: Job) => Promise<void>;
  readonly onDropped: () => void;
}

/** Jobs that wait for their turn: for each key the newest. */
export interface WorkQueue<Job> {
  put(key: string, job: Job): void;
  remove(key: string): void;
  clear(): void;
  /** Drops what waits, and resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Makes a queue that runs its jobs in their order, at a bounded rate. */
export function createWorkQueue<Job>(options: WorkQueueOptions<Job>): WorkQueue<Job> {
  const { perSecond, burst, parallel, longest, run, onDropped } = options;
  const bucket = createTokenBucket({ perSecond, burst });
  const waiting = new Map<string, Job>();
  const underWay = new Set<string>();
  const closed = new AbortController();
  const { signal } = closed;
  const workers = new Set<Promise<void>>();

  /** A key of which a job is under way waits for its end, so that two writes never overtake each other. */
  const next = (): string | undefined => waiting.keys().find((key) => !underWay.has(key));

  const work = async (): Promise<void> => {
    while (!signal.aborted && next() !== undefined) {
      const milliseconds = bucket.take(performance.now());
      if (milliseconds > 0) {
        await delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
        continue;
      }
      const key = next();
      if (key === undefined) return;
      const job = waiting.get(key);
      waiting.delete(key);
      underWay.add(key);
      if (job !== undefined) await run(key, job);
      underWay.delete(key);
    }
  };

  const start = (): void => {
    if (workers.size >= parallel || signal.aborted) return;
    const worker: Promise<void> = work().then(() => {
      workers.delete(worker);
      if (waiting.size > 0 && next() !== undefined) start();
    });
    workers.add(worker);
  };

  return {
    put(key, job) {
      if (!waiting.has(key) && waiting.size >= longest) return onDropped();
      waiting.set(key, job);
      start();
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
