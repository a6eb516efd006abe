/** How much may happen: `perSecond` in the long run, and `burst` at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What may happen is taken from it. */
export interface TokenBucket {
  /** Whether it may happen once more now, in ms of a clock that never goes back. */
  take(now: number): boolean;
}

/** Makes a bucket, full. */
export function createTokenBucket({ perSecond, burst }: Rate): TokenBucket {
  let tokens = burst;
  let filledAt: number | undefined;
  return {
    take(now) {
      tokens = Math.min(burst, tokens + ((now - (filledAt ?? now)) / 1000) * perSecond);
      filledAt = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
