import { ECDH, hash } from 'node:crypto';
import { contents, encoded, inside, tag } from './der-reader.ts';
import type { Element } from './der-reader.ts';
import { writeElement } from './der-writer.ts';

/** OpenSSL's names of the curves, by the display of a key. */
const curves: Readonly<Record<string, string>> = {
  'ECDSA P-224': 'secp224r1',
  'ECDSA P-256': 'prime256v1',
  'ECDSA P-384': 'secp384r1',
  'ECDSA P-521': 'secp521r1',
};

/** The hashes (SHA-256, lower-case hex) that identify a key. */
export interface KeyIdentity {
  /** Of the SubjectPublicKeyInfo, with its point uncompressed: one key has one, however it is encoded. */
  readonly keyHash: string;
  /** Of the SubjectPublicKeyInfo as it is encoded, if its point is compressed. */
  readonly compressedKeyHash: string | undefined;
}

/** Identifies the key of a SubjectPublicKeyInfo that was walked and that OpenSSL reads. */
export function identifyKey(der: Uint8Array, element: Element, display: string): KeyIdentity {
  const spki = encoded(der, element);
  const fields = inside(der, element);
  const algorithm = fields.take(tag.sequence, 'the public key algorithm');
  const bits = contents(der, fields.take(tag.bitString, 'the public key'));
  const curve = curves[display];
  // The first byte counts the unused bits, and the next one tells the form of the point.
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
