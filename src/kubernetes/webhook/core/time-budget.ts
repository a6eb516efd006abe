/** How much time may be spent on something. */
export interface TimeBudget {
  /** Milliseconds until there is any left; 0 if there is. Times are monotonic milliseconds. */
  waitMs(now: number): number;
  /** Takes time that was spent; more than is left is missing from what comes. */
  spend(milliseconds: number, now: number): void;
}

export interface BudgetOptions {
  /** Milliseconds that may be spent at once after a rest. */
  readonly burstMs: number;
  /** Part of the time that may be spent in the long run, above 0 and at most 1. */
  readonly share: number;
}

/** Makes a budget, full. */
export function createTimeBudget({ burstMs, share }: BudgetOptions): TimeBudget {
  let left = burstMs;
  let filledAt: number | undefined;
  const fill = (now: number): void => {
    left = Math.min(burstMs, left + (now - (filledAt ?? now)) * share);
    filledAt = now;
  };
  return {
    waitMs(now) {
      fill(now);
      // A moment more than it takes to come back to nothing.
      return left > 0 ? 0 : 1 - left / share;
    },
    spend(milliseconds, now) {
      fill(now);
      left -= milliseconds;
    },
  };
}
