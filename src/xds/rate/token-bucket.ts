/** A rate limit: `perSecond` on average, and `burst` at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket: limits the rate of events. */
export interface TokenBucket {
  /**
   * Takes a token and returns 0, or returns the milliseconds until one is available. `now` is in ms, of a
   * monotonic clock.
   */
  take(now: number): number;
}

/** Creates a full bucket. */
export function createTokenBucket({ perSecond, burst }: Rate): TokenBucket {
  let tokens = burst;
  let filledAt: number | undefined;
  return {
    take(now) {
      tokens = Math.min(burst, tokens + ((now - (filledAt ?? now)) * perSecond) / 1000);
      filledAt = now;
      if (tokens < 1) return Math.ceil(((1 - tokens) * 1000) / perSecond);
      tokens -= 1;
      return 0;
    },
  };
}
