import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { asMapping, isMapping, parseJson } from '../text/json.ts';

/** The public keys that sign service account tokens. */
export interface SigningKeys {
  /** The keys by key ID. */
  readonly usable: ReadonlyMap<string, SigningKey>;
  /** The key IDs whose key cannot be used here: it has an unknown type or algorithm, or two keys have the ID. */
  readonly unusable: ReadonlySet<string>;
  /** False if a key has no ID, so that any token may be signed with it. */
  readonly isComplete: boolean;
}

interface SigningKey {
  readonly key: KeyObject;
  /** The only algorithm of its signatures, if the API server publishes it. */
  readonly algorithm: string | undefined;
}

/**
 * `forged`: the token names a known key, which has not signed it. `unlisted`: no key has this ID, so the token is
 * forged as well, unless the API server has a new key. `unknown`: only the API server can tell. A signed token may
 * still be refused.
 */
export type SignatureVerdict = 'signed' | 'forged' | 'unlisted' | 'unknown';

/** The keys of an API server that has published none. */
export const noKeys: SigningKeys = { usable: new Map(), unusable: new Set(), isComplete: false };

/** The signature algorithms of the API server (RFC 7518, section 3.1): hash and type of key. */
const algorithms: ReadonlyMap<unknown, readonly [hash: string, keyType: string]> = new Map([
  ['RS256', ['sha256', 'rsa']],
  ['RS384', ['sha384', 'rsa']],
  ['RS512', ['sha512', 'rsa']],
  ['ES256', ['sha256', 'ec']],
  ['ES384', ['sha384', 'ec']],
  ['ES512', ['sha512', 'ec']],
] as const);

/** Returns the keys of a JWK Set (RFC 7517). */
export function readSigningKeys(document: unknown): SigningKeys {
  const elements = isMapping(document) ? document['keys'] : undefined;
  const usable = new Map<string, SigningKey>();
  const unusable = new Set<string>();
  let isComplete = true;
  for (const element of Array.isArray(elements) ? (elements as readonly unknown[]) : []) {
    const kid = isMapping(element) ? element['kid'] : undefined;
    const key = isMapping(element) ? signingKeyOf(element) : undefined;
    if (typeof kid !== 'string' || kid === '') isComplete = false;
    else if (key === undefined || usable.has(kid)) unusable.add(kid);
    else usable.set(kid, key);
  }
  for (const kid of unusable) usable.delete(kid);
  return { usable, unusable, isComplete };
}

/** Checks the signature of a token in the form of three base64url parts (RFC 7515, section 5.2). */
export function checkSignature(token: string, keys: SigningKeys): SignatureVerdict {
  if (keys.usable.size === 0) return 'unknown';
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { alg, kid } = asMapping(parseJson(Buffer.from(header, 'base64url').toString('utf8'))) ?? {};
  if (typeof kid === 'string' && keys.unusable.has(kid)) return 'unknown';
  const named = typeof kid === 'string' ? keys.usable.get(kid) : undefined;
  // API servers before Kubernetes 1.16 named no key, and those of today still accept such tokens.
  const candidates = kid === undefined ? [...keys.usable.values()] : named === undefined ? [] : [named];
  const bytes = Buffer.from(signature, 'base64url');
  // Otherwise one signed token would have many spellings, each of which would be reviewed.
  const isCanonical = bytes.toString('base64url') === signature;
  const input = Buffer.from(`${header}.${claims}`);
  if (isCanonical && candidates.some((key) => hasSigned(key, alg, input, bytes))) return 'signed';
  if (named !== undefined) return 'forged';
  return keys.isComplete && (kid !== undefined || keys.unusable.size === 0) ? 'unlisted' : 'unknown';
}

/** Returns the issuer that a token names, without a check of its signature. */
export function issuerOf(token: string): unknown {
  const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  return asMapping(claims)?.['iss'];
}

/** The API server signs with one algorithm for each key, so another one in the token is not of the API server. */
function hasSigned({ key, algorithm }: SigningKey, alg: unknown, input: Buffer, signature: Buffer): boolean {
  const [hash, keyType] = algorithms.get(alg) ?? [];
  if (hash === undefined || key.asymmetricKeyType !== keyType) return false;
  if (algorithm !== undefined && algorithm !== alg) return false;
  return verify(hash, input, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** Returns the key of an element; `undefined` if its signatures cannot be checked here. */
function signingKeyOf(jwk: Readonly<Record<string, unknown>>): SigningKey | undefined {
  const key = publicKeyOf(jwk);
  const { alg } = jwk;
  if (key?.asymmetricKeyType !== 'rsa' && key?.asymmetricKeyType !== 'ec') return undefined;
  if (alg === undefined) return { key, algorithm: undefined };
  const [, keyType] = algorithms.get(alg) ?? [];
  return typeof alg === 'string' && key.asymmetricKeyType === keyType ? { key, algorithm: alg } : undefined;
}

function publicKeyOf(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    // Only the members of a public key: with `d`, it would be read as a private one.
    const { kty, n, e, crv, x, y } = jwk;
    return createPublicKey({ key: { kty, n, e, crv, x, y } as webcrypto.JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}
