import { constants, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { CertificateParts } from './certificate-walk.ts';
import { DerError, contextConstructed, encoded, inside, tag } from './der-reader.ts';
import type { Cursor } from './der-reader.ts';
import { takeOid, takeUnsigned, unsignedValue } from './der-values.ts';
import type { EnvoyEdition } from './match-names.ts';

/** How BoringSSL verifies a signature. `digest` is `undefined` if it is part of the algorithm. */
interface Method {
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ml-dsa-44' | 'ml-dsa-65' | 'ml-dsa-87';
  readonly digest: string | undefined;
  /** True for RSASSA-PSS with a salt as long as the hash, false for PKCS #1 v1.5. */
  readonly pss: boolean;
}

/** The signature of a certificate, for verification with the key of an issuer. */
export interface Signature {
  /** `undefined` if BoringSSL does not verify signatures with this algorithm or these parameters. */
  readonly method: Method | undefined;
  readonly signedBytes: Uint8Array;
  /** `undefined` if no key can verify the signature. */
  readonly bytes: Uint8Array | undefined;
}

const method = (keyType: Method['keyType'], digest?: string, pss = false): Method => ({
  keyType,
  digest,
  pss,
});

/** Methods by hex of the algorithm identifier. MD5 is not among them: BoringSSL verifies no signature with it. */
const methods: Readonly<Record<string, Method>> = {
  '2a864886f70d010105': method('rsa', 'sha1'),
  '2a864886f70d01010b': method('rsa', 'sha256'),
  '2a864886f70d01010c': method('rsa', 'sha384'),
  '2a864886f70d01010d': method('rsa', 'sha512'),
  '2a864886f70d01010e': method('rsa', 'sha224'),
  '2a8648ce3d0401': method('ec', 'sha1'),
  '2a8648ce3d040301': method('ec', 'sha224'),
  '2a8648ce3d040302': method('ec', 'sha256'),
  '2a8648ce3d040303': method('ec', 'sha384'),
  '2a8648ce3d040304': method('ec', 'sha512'),
  '2b6570': method('ed25519'),
  '608648016503040311': method('ml-dsa-44'),
  '608648016503040312': method('ml-dsa-65'),
  '608648016503040313': method('ml-dsa-87'),
};

const rsaPss = '2a864886f70d01010a';
const mgf1 = '2a864886f70d010108';

/** Hashes that BoringSSL accepts for RSASSA-PSS, by hex of the identifier, and their lengths in bytes. */
const pssDigests: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  '608648016503040201': { name: 'sha256', bytes: 32 },
  '608648016503040202': { name: 'sha384', bytes: 48 },
  '608648016503040203': { name: 'sha512', bytes: 64 },
};

/** Reads the signature of a certificate that was parsed before. */
export function readSignature(der: Uint8Array, parts: CertificateParts): Signature {
  const { algorithm, outerAlgorithm, signed, signature } = parts;
  const isConsistent = Buffer.compare(encoded(der, algorithm), encoded(der, outerAlgorithm)) === 0;
  return {
    method: readMethod(inside(der, algorithm)),
    signedBytes: encoded(der, signed),
    bytes: isConsistent ? signature : undefined,
  };
}

/** Returns whether Envoy of a version verifies signatures with the method of this one. 1.36 does not know ML-DSA. */
export function isSupported({ method: how }: Signature, edition: EnvoyEdition): boolean {
  return how !== undefined && (edition === '1.40' || !how.keyType.startsWith('ml-dsa-'));
}

/** Returns whether the key verifies the signature by the rules of BoringSSL in an Envoy that supports its method. */
export function verifySignature({ method: how, signedBytes, bytes }: Signature, key: KeyObject): boolean {
  if (how === undefined || bytes === undefined || key.asymmetricKeyType !== how.keyType) return false;
  try {
    return how.pss
      ? verify(how.digest, signedBytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, bytes)
      : verify(how.digest, signedBytes, key, bytes);
  } catch {
    return false;
  }
}

const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;

/** Returns the key of an encoded SubjectPublicKeyInfo, or `undefined` if OpenSSL cannot read it. */
export function readPublicKey(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** Reads an AlgorithmIdentifier. Parameters are NULL or absent, except for RSASSA-PSS; Ed25519 and ML-DSA have none. */
function readMethod(algorithm: Cursor): Method | undefined {
  const oid = takeOid(algorithm, 'the signature algorithm');
  if (oid === rsaPss) return readPss(algorithm);
  const known = methods[oid];
  if (known === undefined || algorithm.peek() === undefined) return known;
  const mayHaveNull = known.keyType === 'rsa' || known.keyType === 'ec';
  return mayHaveNull && isNull(algorithm) ? known : undefined;
}

/**
 * Reads the parameters of RSASSA-PSS (RFC 4055, section 3.1). BoringSSL accepts only SHA-256, SHA-384 or SHA-512, the
 * same hash in MGF1, and a salt of its length. All of these must be encoded explicitly; the trailer field may be.
 */
function readPss(algorithm: Cursor): Method | undefined {
  try {
    const { der } = algorithm;
    const fields = inside(der, algorithm.take(tag.sequence, pssParameters));
    const digest = takeDigest(inside(der, fields.take(contextConstructed(0), pssParameters)));
    const mask = inside(der, fields.take(contextConstructed(1), pssParameters));
    const maskFields = inside(der, mask.take(tag.sequence, pssParameters));
    mask.done(pssParameters);
    if (takeOid(maskFields, pssParameters) !== mgf1) return undefined;
    const maskDigest = takeDigest(maskFields);
    const salt = takeNumber(inside(der, fields.take(contextConstructed(2), pssParameters)));
    const trailer = fields.takeIf(contextConstructed(3), pssParameters);
    fields.done(pssParameters);
    if (trailer !== undefined && takeNumber(inside(der, trailer)) !== 1) return undefined;
    const known = digest === maskDigest ? pssDigests[digest] : undefined;
    return known !== undefined && salt === known.bytes ? method('rsa', known.name, true) : undefined;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

const pssParameters = 'the parameters of RSASSA-PSS';

/** Reads the rest of the cursor: the AlgorithmIdentifier of a hash, with NULL or no parameters. */
function takeDigest(cursor: Cursor): string {
  const fields = inside(cursor.der, cursor.take(tag.sequence, pssParameters));
  cursor.done(pssParameters);
  const oid = takeOid(fields, pssParameters);
  if (fields.peek() !== undefined && !isNull(fields))
    throw new DerError(`${pssParameters} have a hash with parameters`);
  return oid;
}

function takeNumber(cursor: Cursor): number {
  const value = unsignedValue(cursor.der, takeUnsigned(cursor, pssParameters));
  cursor.done(pssParameters);
  return value;
}

/** Returns whether the rest of the cursor is an empty NULL. */
function isNull(cursor: Cursor): boolean {
  if (cursor.peek() !== tag.null) return false;
  const { body, end } = cursor.any('the parameters');
  return body === end;
}
