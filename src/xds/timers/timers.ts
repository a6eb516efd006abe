/** The longest delay that Node's timers take, in ms (24.8 days). They fire after 1 ms for a longer one. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * The longest connection age that grpc-js can keep, in ms: 20 days. It adds up to a tenth, and takes Node's
 * timers.
 */
export const longestConnectionAgeMs = 480 * 3_600_000;

/**
 * Returns the delay, at most `longestTimerMs`: for intervals, and for waits that may end after 24 days without
 * harm. A wait that a flag sets the length of takes `after` or `sleep`.
 */
export function timerMs(milliseconds: number): number {
  return Math.min(milliseconds, longestTimerMs);
}

/**
 * Calls back once after a time of any length, in ms. Returns a function that cancels it. Like `setTimeout`, it
 * keeps the process alive meanwhile.
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

/** Resolves after a time of any length, in ms. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    after(milliseconds, resolve);
  });
}
