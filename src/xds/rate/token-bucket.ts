/** How much may happen: `perSecond` in the long run, and `burst` at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What may happen is taken from it. */
export interface TokenBucket {
  /**
   * Takes a turn now, in ms of a clock that never goes back: 0 if it was had, else how many milliseconds there are
   * to wait until it can be.
   */
  take(now: number): number;
}

/** Makes a bucket, full. */
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
