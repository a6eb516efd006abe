/** The longest delay of Node's timers, in ms (24.8 days). With a longer delay they fire after 1 ms. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * The longest connection age that grpc-js can wait for, in ms: 20 days. It adds up to a tenth, and uses Node's
 * timers.
 */
export const longestConnectionAgeMs = 480 * 3_600_000;

/**
 * Returns the delay, at most `longestTimerMs`. Use it for intervals, and for waits that may end after 24 days
 * without harm. Use `after` or `sleep` for a wait whose length a flag sets.
 */
export function timerMs(milliseconds: number): number {
  return Math.min(milliseconds, longestTimerMs);
}

/**
 * Calls back once after a time of any length, in ms. Returns a function that cancels the call. Keeps the process
 * alive until then, as `setTimeout` does.
 */
export function after(milliseconds: number, callback: () => void): () => void {
  let left = milliseconds;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const step = timerMs(left);
    left -= step;
    timer = setTimeout(() => (left > 0 ? arm() : callback()), step);
  };
  arm();
  return () => clearTimeout(timer);
}

/** Returns a time plus or minus a tenth, so that timers that start together do not fire together. */
export function spread(milliseconds: number): number {
  return milliseconds * (0.9 + 0.2 * Math.random());
}

/** Resolves after a time of any length, in ms. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    after(milliseconds, resolve);
  });
}
