import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SettledReview } from './review.ts';

/** Remembers the reviews of tokens, without the tokens. */
export interface ReviewCache {
  /** Returns the key of a token. */
  keyOf(token: string): string;
  get(key: string, now: number): SettledReview | undefined;
  /** `expiresAt`: when the token expires, in epoch milliseconds, if it says so. */
  set(key: string, review: SettledReview, now: number, expiresAt: number | undefined): void;
}

/** The most remembered tokens of each result. */
const mostEntries = 10_000;
/** Time for which a refusal is remembered, in ms. A longer time would refuse a proxy whose account was just created. */
const refusedMs = 2_000;

interface Entry {
  readonly review: SettledReview;
  /** The time for which it counts, in epoch milliseconds. */
  readonly from: number;
  readonly until: number;
}

/** Creates a cache. Refused tokens have their own entries, so that a flood of them evicts no accepted token. */
export function createReviewCache(audience: string, acceptedMs: number): ReviewCache {
  const entries = {
    accepted: new LRUCache<string, Entry>({ max: mostEntries }),
    refused: new LRUCache<string, Entry>({ max: mostEntries }),
  };

  function find(kind: SettledReview['kind'], key: string, now: number): SettledReview | undefined {
    const entry = entries[kind].get(key);
    // A clock that was set back would keep a token of a deleted pod accepted for as long, or a good one refused.
    return entry !== undefined && entry.from <= now && now < entry.until ? entry.review : undefined;
  }

  return {
    keyOf: (token) => hash('sha256', `${audience}\0${token}`, 'base64url'),
    get: (key, now) => find('accepted', key, now) ?? find('refused', key, now),
    set(key, review, now, expiresAt = Number.POSITIVE_INFINITY) {
      const age = review.kind === 'accepted' ? acceptedMs : refusedMs;
      const until = review.kind === 'accepted' ? Math.min(now + age, expiresAt) : now + age;
      entries[review.kind].set(key, { review, from: now, until });
    },
  };
}
