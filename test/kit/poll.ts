import { setTimeout as delay } from 'node:timers/promises';

/** The time-out and the interval of `poll`. */
export interface PollOptions {
  /** Milliseconds until it gives up; 15,000 by default. */
  readonly timeoutMs?: number;
  /** Milliseconds between two calls; 20 by default. */
  readonly everyMs?: number;
  /** Ends the wait at once, by throwing what it throws. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `probe` until it returns something other than `undefined`, and returns that. Use it for other processes,
 * which send no event: inside one process, await an event instead.
 * @throws {Error} that names the awaited condition, when the time is up.
 */
export async function poll<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 15_000, everyMs = 20, signal }: PollOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const answer = await probe();
    if (answer !== undefined) return answer;
    await delay(everyMs);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`);
}
