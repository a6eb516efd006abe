import { ECDH, hash } from 'node:crypto';
import { contents, encoded, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';
import { writeElement } from './der-writer.ts';

/** OpenSSL's names of the curves, by the display name of a key type. */
const curves: Readonly<Record<string, string>> = {
  'ECDSA P-224': 'secp224r1',
  'ECDSA P-256': 'prime256v1',
  'ECDSA P-384': 'secp384r1',
  'ECDSA P-521': 'secp521r1',
};

/** The hashes (SHA-256, lower-case hex) that identify a key. */
export interface KeyIdentity {
  /** Hash of the SubjectPublicKeyInfo with an uncompressed point: the same for every encoding of a key. */
  readonly keyHash: string;
  /** Hash of the SubjectPublicKeyInfo as encoded, if its point is compressed. */
  readonly compressedKeyHash: string | undefined;
}

/** Returns the identity of the key of a SubjectPublicKeyInfo that was parsed and that OpenSSL can read. */
export function identifyKey(der: Uint8Array, element: Element, display: string): KeyIdentity {
  const spki = encoded(der, element);
  const fields = inside(der, element);
  const algorithm = fields.take(tag.sequence, 'the public key algorithm');
  const bits = contents(der, fields.take(tag.bitString, 'the public key'));
  const curve = curves[display];
  // The first byte is the number of unused bits; the second is the form of the point.
  if (curve === undefined || bits[1] === 4)
    return { keyHash: hash('sha256', spki), compressedKeyHash: undefined };
  const point = ECDH.convertKey(bits.subarray(1), curve, undefined, undefined, 'uncompressed') as Buffer;
  const whole = writeElement(
    tag.sequence,
    encoded(der, algorithm),
    writeElement(tag.bitString, Uint8Array.of(0), point),
  );
  return { keyHash: hash('sha256', whole), compressedKeyHash: hash('sha256', spki) };
}
