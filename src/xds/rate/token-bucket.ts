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
  /** Returns a token that was taken. */
  restore(): void;
}

/** Creates a full bucket. */
export function createTokenBucket(rate: Rate): TokenBucket {
  return new FullBucket(rate);
}

// A class, because each connection has one. With closures, each would have its own copy of the function.
class FullBucket implements TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number | undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  take(now: number): number {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - (this.#filledAt ?? now)) * perSecond) / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1000) / perSecond);
    this.#tokens -= 1;
    return 0;
  }

  restore(): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }
}
