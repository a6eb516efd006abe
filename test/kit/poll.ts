import { setTimeout as delay } from 'node:timers/promises';

/** How long and how often `poll` asks. */
export interface PollOptions {
  /** Milliseconds until it gives up; 15,000 by default. */
  readonly timeoutMs?: number;
  /** Milliseconds between two calls; 20 by default. */
  readonly everyMs?: number;
  /** Ends the wait at once, by throwing what it throws. */
  readonly signal?: AbortSignal;
}

/**
 * Asks `probe` until it answers something other than undefined, and gives that back. For other processes,
 * which announce nothing: inside one process there is an event to await.
 * @throws {Error} that says what was waited for, when the time is up.
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
