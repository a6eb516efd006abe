import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { isMapping, parseJson } from '../text/json.ts';

/** The public keys that sign service account tokens, by key ID. */
export type SigningKeys = ReadonlyMap<string, KeyObject>;

/**
 * `forged`: the token names a known key, which has not signed it. `unknown`: the key is not known, or the algorithm is
 * not one of the API server; only the API server can tell. A signed token may still be refused.
 */
export type SignatureVerdict = 'signed' | 'forged' | 'unknown';

/** The signature algorithms of the API server (RFC 7518, section 3.1): hash and type of key. */
const algorithms: ReadonlyMap<unknown, readonly [hash: string, keyType: string]> = new Map([
  ['RS256', ['sha256', 'rsa']],
  ['RS384', ['sha384', 'rsa']],
  ['RS512', ['sha512', 'rsa']],
  ['ES256', ['sha256', 'ec']],
  ['ES384', ['sha384', 'ec']],
  ['ES512', ['sha512', 'ec']],
] as const);

/** Returns the keys of a JWK Set (RFC 7517). An element that is no public key with an ID of its own is left out. */
export function readSigningKeys(document: unknown): SigningKeys {
  const elements = isMapping(document) ? document['keys'] : undefined;
  const keys = new Map<string, KeyObject>();
  const ambiguous = new Set<string>();
  for (const element of Array.isArray(elements) ? (elements as readonly unknown[]) : []) {
    if (!isMapping(element)) continue;
    const { kid } = element;
    if (typeof kid !== 'string' || kid === '') continue;
    if (keys.has(kid)) ambiguous.add(kid);
    const key = publicKeyOf(element);
    if (key !== undefined) keys.set(kid, key);
  }
  for (const kid of ambiguous) keys.delete(kid);
  return keys;
}

/** Checks the signature of a token in the form of three base64url parts (RFC 7515, section 5.2). */
export function checkSignature(token: string, keys: SigningKeys): SignatureVerdict {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const parsed = parseJson(Buffer.from(header, 'base64url').toString('utf8'));
  if (!isMapping(parsed)) return 'unknown';
  const { alg, kid } = parsed;
  const key = typeof kid === 'string' ? keys.get(kid) : undefined;
  const [hash, keyType] = algorithms.get(alg) ?? [];
  if (key === undefined || hash === undefined || key.asymmetricKeyType !== keyType) return 'unknown';
  const bytes = Buffer.from(signature, 'base64url');
  // Otherwise one signed token would have many spellings, each of which would be reviewed.
  if (bytes.toString('base64url') !== signature) return 'forged';
  const input = Buffer.from(`${header}.${claims}`);
  return verify(hash, input, { key, dsaEncoding: 'ieee-p1363' }, bytes) ? 'signed' : 'forged';
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
