import { createHash } from 'node:crypto';

/** The limits of the interval between two fetches, in milliseconds. */
export interface PollLimits {
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
}

/** The interval of a bundle without a hint (SPIFFE Federation, section 4.1), in milliseconds. */
const defaultIntervalMs = 300_000;
/** The first attempts of an endpoint that has never been fetched, in milliseconds. */
const firstRetriesMs = [5000, 10_000, 20_000, 40_000, 60_000] as const;
/** The part of an interval by which the fetches of several servers and relationships are spread. */
const spread = 0.1;

/** Without a change, the time of the last success is stored again after this time, in milliseconds. */
const longestStoreMs = 3_600_000;
/** The same as a part of the greatest age of a bundle. */
const storePart = 0.1;

/** Returns the interval between two fetches, before it is spread. */
export function intervalMs(refreshHintSeconds: number | undefined, limits: PollLimits): number {
  const wanted = refreshHintSeconds === undefined ? defaultIntervalMs : refreshHintSeconds * 1000;
  return Math.max(limits.minIntervalMs, Math.min(wanted, limits.maxIntervalMs));
}

/**
 * Returns the time until the next fetch, in milliseconds: up to a tenth less than the interval, by a hash of `who`, so
 * that a change is never noticed later than the interval promises.
 */
export function nextFetchMs(interval: number, who: string): number {
  const fraction = createHash('sha256').update(who).digest().readUInt32BE() / 2 ** 32;
  return Math.round(interval * (1 - spread * fraction));
}

/** Returns the time until the next attempt to fetch a bundle that was never fetched, in milliseconds. */
export function firstRetryMs(failures: number): number {
  return firstRetriesMs[Math.min(failures, firstRetriesMs.length) - 1] ?? firstRetriesMs[0];
}

/**
 * Returns the time after which the time of the last success is stored again, in milliseconds. `maxAgeMs` is the
 * greatest age of a bundle, or 0 for none. After a restart, the age counts from the stored time, and a single failed
 * fetch must not withdraw a bundle that was fetched just before the restart.
 */
export function storeAgainMs(maxAgeMs: number): number {
  return maxAgeMs === 0 ? longestStoreMs : Math.min(longestStoreMs, maxAgeMs * storePart);
}
