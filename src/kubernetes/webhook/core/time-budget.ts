/** A budget of time that refills constantly. */
export interface TimeBudget {
  /** Returns the milliseconds until time is left; 0 if there is some now. `now`: monotonic milliseconds. */
  waitMs(now: number): number;
  /** Subtracts spent time. The budget may become negative. */
  spend(milliseconds: number, now: number): void;
}

export interface BudgetOptions {
  /** Maximum of the budget in milliseconds. */
  readonly burstMs: number;
  /** Share of the time that may be spent in the long run: above 0, at most 1. */
  readonly share: number;
}

/** Creates a full budget. */
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
      // The budget must be above 0, so this adds a millisecond to the time after which it is 0.
      return left > 0 ? 0 : 1 - left / share;
    },
    spend(milliseconds, now) {
      fill(now);
      left -= milliseconds;
    },
  };
}
