import { setTimeout } from 'node:timers/promises';
import { checkSignature, issuerOf, noKeys, readSigningKeys } from '../../access/token-signature.ts';
import type { SignatureVerdict } from '../../access/token-signature.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import type { ApiClient } from '../client/api-client.ts';
import { callApi, refusalOf } from '../client/call-api.ts';

/** Checks signatures with the keys that the API server publishes. */
export interface SignatureChecker {
  /** Returns the verdict by the keys of the last read: never `unlisted` if that failed. */
  check(token: string): SignatureVerdict;
  /**
   * Resolves after a read of the keys that began after this call, successful or not. All calls since the last read
   * share one, and it begins at most once in 2 s.
   */
  readAgain(): Promise<void>;
}

export interface SignatureCheckerOptions {
  readonly client: ApiClient;
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** An issuer whose tokens are never `unlisted`. */
  readonly otherIssuer?: string | undefined;
  /** Called after each attempt to read the keys: with the reason of a failure, or `undefined`. */
  readonly read: (problem: string | undefined) => void;
}

/** The JWK Set of service account issuer discovery. Every service account may read it by default. */
const path = '/openid/v1/jwks';
/**
 * The least time between the beginnings of two reads, in ms: a flood of invented key IDs costs one GET in this time.
 */
const leastGapMs = 2_000;
/**
 * Time after which the keys are read again, in ms: at a token that is not signed with one of them, and at any token.
 */
const notSignedMs = 10_000;
const otherwiseMs = 300_000;

/**
 * Creates a checker, which reads the keys at once. Until it has them, and while it cannot get them, it knows no key.
 */
export function createSignatureChecker({
  client,
  signal,
  clock,
  otherIssuer,
  read,
}: SignatureCheckerOptions): SignatureChecker {
  let keys = noKeys;
  /** False after a read that failed: the keys may be others by now. */
  let isCurrent = false;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  /** The read that is under way. There is one at most: of two, an older answer could replace a newer one. */
  let running: Promise<void> | undefined;
  /** The read that begins later, and all callers that wait for it. Meanwhile no other read begins. */
  let next: Promise<void> | undefined;

  async function readKeys(): Promise<void> {
    attemptedAt = clock();
    const reply = await callApi(client, path, signal);
    if (signal.aborted) return;
    isCurrent = reply.kind === 'answered' && reply.status === 200;
    if (reply.kind !== 'answered' || !isCurrent) return read(refusalOf(reply));
    keys = readSigningKeys(reply.object);
    read(keys.usable.size === 0 ? `${path} has no usable key` : undefined);
  }

  function begin(): Promise<void> {
    running = readOnce();
    return running;
  }

  /** A defect must not end the server, or the reads that follow. */
  async function readOnce(): Promise<void> {
    try {
      await readKeys();
    } catch {
      isCurrent = false;
    } finally {
      running = undefined;
    }
  }

  /** Waits for the read that is under way, which may have begun too early, and for the time between two reads. */
  async function beginLater(): Promise<void> {
    await running;
    const waitMs = attemptedAt + leastGapMs - clock();
    // It rejects at the signal only.
    if (waitMs > 0) await setTimeout(timerMs(waitMs), undefined, { signal }).catch(() => undefined);
    next = undefined;
    if (!signal.aborted) await begin();
  }

  function verdictOf(token: string): SignatureVerdict {
    const verdict = checkSignature(token, keys);
    if (verdict !== 'unlisted') return verdict;
    return isCurrent && (otherIssuer === undefined || issuerOf(token) !== otherIssuer) ? verdict : 'unknown';
  }

  void begin();
  return {
    check(token) {
      const verdict = verdictOf(token);
      // The caller has the keys read again for a token of an unlisted key. A read that begins here would delay that
      // one.
      if (verdict === 'unlisted') return verdict;
      const mostMs = verdict === 'signed' ? otherwiseMs : isCurrent ? notSignedMs : leastGapMs;
      const isFree = running === undefined && next === undefined;
      if (isFree && clock() - attemptedAt >= mostMs) void begin();
      return verdict;
    },
    readAgain: () => (next ??= beginLater()),
  };
}
