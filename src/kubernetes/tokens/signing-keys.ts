import { checkSignature, readSigningKeys } from '../../access/token-signature.ts';
import type { SignatureVerdict, SigningKeys } from '../../access/token-signature.ts';
import type { ApiClient } from '../client/api-client.ts';
import { callApi, refusalOf } from '../client/call-api.ts';

/** Checks signatures with the keys that the API server publishes. */
export interface SignatureChecker {
  check(token: string): SignatureVerdict;
}

export interface SignatureCheckerOptions {
  readonly client: ApiClient;
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Called after each attempt to read the keys: with the reason of a failure, or `undefined`. */
  readonly read: (problem: string | undefined) => void;
}

/** The JWK Set of service account issuer discovery. Every service account may read it by default. */
const path = '/openid/v1/jwks';
/** Time after which the keys are read again, in ms: at a token that is not signed with one of them, and at any token. */
const notSignedMs = 10_000;
const otherwiseMs = 300_000;

/** Creates a checker, which reads the keys at once. Until it has them, and while it cannot get them, it knows no key. */
export function createSignatureChecker({
  client,
  signal,
  clock,
  read,
}: SignatureCheckerOptions): SignatureChecker {
  let keys: SigningKeys = new Map();
  let attemptedAt = clock();

  async function readKeys(): Promise<void> {
    attemptedAt = clock();
    const reply = await callApi(client, path, signal);
    if (signal.aborted) return;
    if (reply.kind !== 'answered' || reply.status !== 200) return read(refusalOf(reply));
    keys = readSigningKeys(reply.object);
    read(keys.size === 0 ? `${path} has no usable key` : undefined);
  }

  void readKeys();
  return {
    check(token) {
      const verdict = checkSignature(token, keys);
      const age = clock() - attemptedAt;
      if (age >= (verdict === 'signed' ? otherwiseMs : notSignedMs)) void readKeys();
      return verdict;
    },
  };
}
