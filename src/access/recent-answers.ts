import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ClaimedCertificate } from './claim.ts';

/** An answer about a client certificate. `until`: the time for which it counts at most, in epoch milliseconds. */
export interface Answer<Value> {
  readonly value: Value;
  readonly until: number;
}

/** Remembers answers about client certificates for ten seconds: a client can open many streams, and each asks again. */
export interface RecentAnswers<Value> {
  /** Returns the answer about a certificate and its chain, by `decide` if none is remembered. */
  of(certificate: ClaimedCertificate, now: number, decide: () => Answer<Value>): Value;
  /** Must be called when answers may be others. */
  clear(): void;
}

/** The most clients whose answer is remembered. */
const mostAnswers = 1_000;
const answerMs = 10_000;

/** Creates a memory without answers. */
export function createRecentAnswers<Value>(): RecentAnswers<Value> {
  const answers = new LRUCache<string, Answer<Value> & { readonly from: number }>({ max: mostAnswers });
  return {
    of(certificate, now, decide) {
      const key = keyOf(certificate);
      const known = answers.get(key);
      // A clock that was set back ends the time of an answer, too.
      if (known !== undefined && known.from <= now && now < known.until) return known.value;
      const { value, until } = decide();
      answers.set(key, { value, from: now, until: Math.min(until, now + answerMs) });
      return value;
    },
    clear: () => answers.clear(),
  };
}

/** Returns a key of the certificates of a client. DER has its length in it, so no two lists have the same bytes. */
function keyOf({ leaf, chain, isVerified }: ClaimedCertificate): string {
  const digest = createHash('sha256')
    .update(isVerified ? '1' : '0')
    .update(leaf);
  for (const der of chain) digest.update(der);
  return digest.digest('base64url');
}
