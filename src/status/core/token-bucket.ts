/** How often something may be done. */
export interface TokenBucket {
  /** Milliseconds to wait until it may be done once more; 0 takes the turn. */
  take(now: number): number;
}

/** Lets through `burst` at once, and then `perSecond`. Times are monotonic milliseconds. */
export function createTokenBucket(perSecond: number, burst: number): TokenBucket {
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
