import { ECDH, constants, generateKeyPairSync, sign } from 'node:crypto';
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
  time,
  tlv,
  utf8String,
} from '../../kit/der.ts';
import { toPem } from '../../kit/pem.ts';

/** A key pair, and the encoding of its public key in certificates. */
export interface OddKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
}

/** The signing of a certificate: the encoded algorithm, and a function that signs bytes. */
export interface OddSigning {
  readonly algorithm: Buffer;
  readonly sign: (bytes: Buffer, key: KeyObject) => Buffer;
}

/** The fields of a certificate, as bytes. By default each field is as in an ordinary certificate. */
export interface OddSpec {
  readonly key: OddKey;
  readonly issuerKey: OddKey;
  readonly signing: OddSigning;
  readonly version: Buffer;
  readonly serial: Buffer;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
  /** The algorithm outside the signed part; by default the algorithm of `signing`. */
  readonly outerAlgorithm: Buffer | undefined;
}

export interface OddCertificate {
  readonly der: Buffer;
  readonly certPem: string;
  readonly keyPem: string;
}

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

const pair = ({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): OddKey => ({
  publicKey,
  privateKey,
  spki: spkiOf(publicKey),
});

function ec(namedCurve: string): OddKey {
  return pair(generateKeyPairSync('ec', { namedCurve }));
}

/** Returns the same key with a compressed point. */
function compressed(key: OddKey, curve: string, id: string, bytes: number): OddKey {
  const point = ECDH.convertKey(
    key.spki.subarray(-(2 * bytes + 1)),
    curve,
    undefined,
    undefined,
    'compressed',
  );
  return {
    ...key,
    spki: sequence(sequence(oid('1.2.840.10045.2.1'), oid(id)), bitString(Buffer.from(point))),
  };
}

const p224 = ec('P-224');
const p256 = ec('P-256');
const p384 = ec('P-384');

/** Keys that all cases share, because generating RSA keys is slow. */
export const keys = {
  p256,
  other: ec('P-256'),
  p224,
  p384,
  p521: ec('P-521'),
  ed25519: pair(generateKeyPairSync('ed25519')),
  mlDsa65: pair(generateKeyPairSync('ml-dsa-65')),
  rsa: pair(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  p224Compressed: compressed(p224, 'secp224r1', '1.3.132.0.33', 28),
  p256Compressed: compressed(p256, 'prime256v1', '1.2.840.10045.3.1.7', 32),
  p384Compressed: compressed(p384, 'secp384r1', '1.3.132.0.34', 48),
} as const satisfies Record<string, OddKey>;

const ecdsaIds = {
  sha1: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
} as const;
const rsaIds = {
  md5: '1.2.840.113549.1.1.4',
  sha1: '1.2.840.113549.1.1.5',
  sha224: '1.2.840.113549.1.1.14',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const;
const hashIds = {
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;

export function ecdsa(digest: keyof typeof ecdsaIds, parameters: Buffer = Buffer.alloc(0)): OddSigning {
  return {
    algorithm: sequence(oid(ecdsaIds[digest]), parameters),
    sign: (bytes, key) => sign(digest, bytes, key),
  };
}

export function rsaPkcs1(digest: keyof typeof rsaIds, parameters: Buffer = nullValue()): OddSigning {
  return {
    algorithm: sequence(oid(rsaIds[digest]), parameters),
    sign: (bytes, key) => sign(digest, bytes, key),
  };
}

export function ed25519(parameters: Buffer = Buffer.alloc(0)): OddSigning {
  return {
    algorithm: sequence(oid('1.3.101.112'), parameters),
    sign: (bytes, key) => sign(null, bytes, key),
  };
}

export function mlDsa65(parameters: Buffer = Buffer.alloc(0)): OddSigning {
  return {
    algorithm: sequence(oid('2.16.840.1.101.3.4.3.18'), parameters),
    sign: (bytes, key) => sign(null, bytes, key),
  };
}

export interface PssOptions {
  readonly digest: keyof typeof hashIds;
  /** The hash of MGF1. The signature is valid only if it is the same as `digest`. */
  readonly maskDigest?: keyof typeof hashIds;
  readonly salt: number;
  readonly trailer?: number;
  /** The parameters after the identifier of a hash. */
  readonly hashParameters?: Buffer;
  /** Whether default values are omitted: SHA-1 and a salt of 20. */
  readonly defaultsLeftOut?: boolean;
}

export function rsaPss(options: PssOptions): OddSigning {
  const {
    digest,
    maskDigest = digest,
    salt,
    trailer,
    hashParameters = nullValue(),
    defaultsLeftOut,
  } = options;
  const hash = (name: keyof typeof hashIds): Buffer => sequence(oid(hashIds[name]), hashParameters);
  const fields = defaultsLeftOut
    ? []
    : [
        contextConstructed(0, hash(digest)),
        contextConstructed(1, sequence(oid('1.2.840.113549.1.1.8'), hash(maskDigest))),
        contextConstructed(2, integer(BigInt(salt))),
        ...(trailer === undefined ? [] : [contextConstructed(3, integer(BigInt(trailer)))]),
      ];
  return {
    algorithm: sequence(oid('1.2.840.113549.1.1.10'), sequence(...fields)),
    sign: (bytes, key) =>
      sign(digest, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt }),
  };
}

/** Returns a Name with one attribute, by default the common name, with text or an encoded value. */
export function nameOf(value: string | Uint8Array, type = '2.5.4.3'): Buffer {
  return sequence(tlv(0x31, sequence(oid(type), typeof value === 'string' ? utf8String(value) : value)));
}

/** Returns an extension without a critical flag or with the given encoding of the flag. */
export function extension(id: string, value: Uint8Array, critical?: Uint8Array): Buffer {
  return sequence(oid(id), critical ?? Buffer.alloc(0), octetString(value));
}

export const isCritical = booleanTrue();
export const caConstraints = extension('2.5.29.19', sequence(booleanTrue()), isCritical);
export const caUsage = extension('2.5.29.15', bitString(Buffer.from([0x06]), 1), isCritical);
export const leafUsage = extension('2.5.29.15', bitString(Buffer.from([0x80]), 7), isCritical);

export function uriNames(...uris: readonly string[]): Buffer {
  return extension(
    '2.5.29.17',
    sequence(...uris.map((uri) => contextPrimitive(6, Buffer.from(uri, 'latin1')))),
  );
}

const hour = 3_600_000;

/** Makes a certificate: by default a self-signed P-256 CA, with the given overrides. */
export function makeOdd(given: Partial<OddSpec>): OddCertificate {
  const key = given.key ?? keys.p256;
  const spec: OddSpec = {
    key,
    issuerKey: key,
    signing: ecdsa('sha256'),
    version: contextConstructed(0, integer(2n)),
    serial: integer(0x1234n),
    issuer: given.subject ?? nameOf('Odd'),
    subject: nameOf('Odd'),
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + 24 * hour),
    extensions: [caConstraints, caUsage],
    outerAlgorithm: undefined,
    ...given,
  };
  const signed = sequence(
    spec.version,
    spec.serial,
    spec.signing.algorithm,
    spec.issuer,
    sequence(time(spec.notBefore), time(spec.notAfter)),
    spec.subject,
    spec.key.spki,
    contextConstructed(3, sequence(...spec.extensions)),
  );
  const der = sequence(
    signed,
    spec.outerAlgorithm ?? spec.signing.algorithm,
    bitString(spec.signing.sign(signed, spec.issuerKey.privateKey)),
  );
  return {
    der,
    certPem: toPem(der),
    keyPem: spec.key.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  };
}
