import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  tlv,
  utf8String,
} from '../../kit/der.ts';

/**
 * The fields of a CA certificate, each as encoded bytes. The tests of the reader need certificates that no issuing code
 * would make. `undefined` omits an optional field.
 */
export interface CertificateFields {
  readonly version: Uint8Array | undefined;
  readonly serial: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly uniqueIds: Uint8Array;
  /** The whole `[3]` field, or the extensions in it. */
  readonly extensions: Uint8Array | readonly Uint8Array[] | undefined;
  readonly outerAlgorithm: Uint8Array;
  /** The signature field; by default a valid signature by `signingKey`. */
  readonly signature: Uint8Array | undefined;
  readonly signingKey: KeyObject;
}

export const ecKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const otherKeys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
export const ed25519Keys = generateKeyPairSync('ed25519');
export const rsaKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });

export const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
export const rsaWithSha256 = sequence(oid('1.2.840.113549.1.1.11'), nullValue());
export const ed25519 = sequence(oid('1.3.101.112'));

/** Returns a Name with one attribute, by default the common name, with text or an encoded value. */
export function nameOf(value: string | Uint8Array, type = '2.5.4.3'): Buffer {
  return sequence(tlv(0x31, attribute(type, value)));
}

export function attribute(type: string, value: string | Uint8Array): Buffer {
  return sequence(oid(type), typeof value === 'string' ? utf8String(value) : value);
}

export function utcTime(text: string): Buffer {
  return tlv(0x17, Buffer.from(text, 'latin1'));
}

export function generalizedTime(text: string): Buffer {
  return tlv(0x18, Buffer.from(text, 'latin1'));
}

export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [booleanTrue()] : []), octetString(value));
}

export function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

export const basicConstraintsCa = extension('2.5.29.19', sequence(booleanTrue()), true);
export const keyUsageCa = extension('2.5.29.15', bitString(Buffer.from([0x06]), 1), true);
export const subjectKeyId = extension('2.5.29.14', octetString(Buffer.alloc(20, 7)));
export const authorityKeyId = extension('2.5.29.35', sequence(contextPrimitive(0, Buffer.alloc(20, 7))));

const defaults: CertificateFields = {
  version: contextConstructed(0, integer(2n)),
  serial: integer(0x1234n),
  algorithm: ecdsaWithSha256,
  issuer: nameOf('Test CA'),
  validity: sequence(utcTime('250101000000Z'), utcTime('350101000000Z')),
  subject: nameOf('Test CA'),
  publicKey: spki(ecKeys.publicKey),
  uniqueIds: Buffer.alloc(0),
  extensions: [subjectKeyId, authorityKeyId, basicConstraintsCa, keyUsageCa],
  outerAlgorithm: ecdsaWithSha256,
  signature: undefined,
  signingKey: ecKeys.privateKey,
};

/** Builds the DER of a certificate: by default a self-signed P-256 CA of version 3, with the given overrides. */
export function buildCertificate(fields: Partial<CertificateFields> = {}): Buffer {
  const all = { ...defaults, ...fields };
  const signed = sequence(
    all.version ?? Buffer.alloc(0),
    all.serial,
    all.algorithm,
    all.issuer,
    all.validity,
    all.subject,
    all.publicKey,
    all.uniqueIds,
    encodeExtensions(all.extensions),
  );
  const signature = all.signature ?? bitString(sign(digestOf(all.signingKey), signed, all.signingKey));
  return sequence(signed, all.outerAlgorithm, signature);
}

function encodeExtensions(extensions: CertificateFields['extensions']): Uint8Array {
  if (extensions === undefined) return Buffer.alloc(0);
  return extensions instanceof Uint8Array ? extensions : contextConstructed(3, sequence(...extensions));
}

function digestOf(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}
