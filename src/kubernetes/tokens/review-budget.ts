import { LRUCache } from 'lru-cache';
import { createTokenBucket } from '../../xds/rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../../xds/rate/token-bucket.ts';

/** The rates of requests to the API server that end without an accepted token. */
export interface ReviewRates {
  /** Of all clients together. */
  readonly rate: Rate;
  /** Of the clients of one address. */
  readonly addressRate: Rate;
}

/** Limits the requests to the API server that end without an accepted token. Times are in ms, of a monotonic clock. */
export interface ReviewBudget {
  /** Returns the time until a request of any address may be sent: 0 if one may be sent now. */
  waitMs(now: number): number;
  /** Takes a request of an address and returns 0, or returns the time until one may be sent. */
  take(address: string, now: number): number;
  /** Returns a request whose token was accepted. */
  restore(address: string): void;
}

/** The most addresses whose requests are counted. The rate of all clients bounds an attacker who has more. */
const mostAddresses = 10_000;

/**
 * Creates a budget. A request is taken before it is sent, because its result is not known yet, and returned when the
 * token is accepted. So clients with good tokens use up nothing, and a flood of bad ones has a bounded rate.
 */
export function createReviewBudget({ rate, addressRate }: ReviewRates): ReviewBudget {
  const all = createTokenBucket(rate);
  const addresses = new LRUCache<string, TokenBucket>({ max: mostAddresses });

  function bucketOf(address: string): TokenBucket {
    let bucket = addresses.get(address);
    if (bucket === undefined) addresses.set(address, (bucket = createTokenBucket(addressRate)));
    return bucket;
  }

  return {
    waitMs(now) {
      const ms = all.take(now);
      if (ms === 0) all.restore();
      return ms;
    },
    take(address, now) {
      const ms = all.take(now);
      if (ms > 0) return ms;
      const own = bucketOf(address).take(now);
      if (own > 0) all.restore();
      return own;
    },
    restore(address) {
      all.restore();
      bucketOf(address).restore();
    },
  };
}
