import { createPublicKey, ECDH, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { bitString, integer, sequence, time } from './der.ts';
import { encodeName, issueCertificate, signatureAlgorithm, signed } from './issue-certificate.ts';
import type { CertificateSpec, Name, Signer } from './issue-certificate.ts';
import { toPem } from './pem.ts';

/** The type of a key. The default is P-256: an RSA key takes a hundred times as long to generate. */
export type KeyType = 'ec-p256' | 'ec-p384' | 'ec-p521' | 'ed25519' | 'rsa-512' | 'rsa-1024' | 'rsa-2048';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate with its private key, in every form that tests need. */
export interface Certificate extends Signer {
  readonly der: Buffer;
  readonly certPem: string;
  readonly keyPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Options for every kind of certificate, including overrides for the rest of the specification. */
export interface CertificateOptions extends Partial<Omit<CertificateSpec, 'publicKey' | 'subject'>> {
  readonly commonName?: string;
  /** By default a name with only `commonName`. */
  readonly subject?: Name;
  readonly keyType?: KeyType;
  /** An existing key, for renewal, cross-signing, or one key under two names. */
  readonly key?: KeyPair;
}

export interface LeafOptions extends CertificateOptions {
  readonly spiffeId?: string;
}

const hour = 3_600_000;
const day = 24 * hour;

const generators: Readonly<Record<KeyType, () => KeyPair>> = {
  'ec-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ec-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'ec-p521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: () => generateKeyPairSync('ed25519'),
  'rsa-512': () => generateKeyPairSync('rsa', { modulusLength: 512 }),
  'rsa-1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  'rsa-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

/** Generates a key pair. */
export function makeKey(type: KeyType = 'ec-p256'): KeyPair {
  return generators[type]();
}

/** Generates a P-256 key whose public key is encoded with a compressed point. */
export function makeCompressedKey(): KeyPair {
  const { publicKey, privateKey } = makeKey();
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const point = ECDH.convertKey(spki.subarray(-65), 'prime256v1', undefined, undefined, 'compressed');
  const algorithm = spki.subarray(2, 4 + (spki[3] ?? 0));
  const compressed = sequence(algorithm, bitString(point));
  return { publicKey: createPublicKey({ key: compressed, format: 'der', type: 'spki' }), privateKey };
}

/** Makes a self-signed CA with key identifiers, valid from one hour ago for ten years. */
export function makeCa(options: CertificateOptions = {}): Certificate {
  return make({ ...caDefaults('Test CA'), ...options }, 'itself');
}

/** Makes a CA for each common name. Returns their certificates in PEM. */
export function makeCaPems<const Names extends readonly string[]>(
  ...names: Names
): { readonly [Index in keyof Names]: string } {
  return names.map((commonName) => makeCa({ commonName }).certPem) as {
    readonly [Index in keyof Names]: string;
  };
}

/** Makes a CA certificate signed by `issuer`. With the key and subject of another CA it is a cross-certificate. */
export function makeIntermediate(issuer: Signer, options: CertificateOptions = {}): Certificate {
  return make({ ...caDefaults('Test Intermediate CA'), ...options }, issuer);
}

/** Makes an end-entity certificate with a SPIFFE ID or other URIs, valid from one hour ago to one day from now. */
export function makeLeaf(issuer: Signer, options: LeafOptions = {}): Certificate {
  const { spiffeId, ...rest } = options;
  const defaults = {
    commonName: 'workload',
    basicConstraints: { kind: 'end-entity' },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    uris: spiffeId === undefined ? [] : [spiffeId],
    notAfter: new Date(Date.now() + day),
  } as const satisfies CertificateOptions;
  return make({ ...defaults, ...rest }, issuer);
}

/** Makes a self-signed end-entity certificate, which is never a CA. */
export function makeSelfSignedLeaf(options: LeafOptions = {}): Certificate {
  const key = options.key ?? makeKey(options.keyType);
  const { publicKey, privateKey } = key;
  const name = nameOf(options, 'self-signed workload');
  return makeLeaf({ name, serial: 1n, publicKey, privateKey }, { ...options, key, subject: name });
}

/** Returns the PEM of a certificate revocation list of `issuer` (RFC 5280, section 5.1), valid for a day from now. */
export function makeCrlPem(issuer: Signer, revokedSerials: readonly bigint[] = []): string {
  const now = new Date();
  const entries = revokedSerials.map((serial) => sequence(integer(serial), time(now)));
  const tbs = sequence(
    integer(1n),
    signatureAlgorithm(issuer.privateKey),
    encodeName(issuer.name),
    time(now),
    time(new Date(now.getTime() + day)),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
  );
  return toPem(signed(tbs, issuer.privateKey), 'X509 CRL');
}

/** Returns a name of roughly `bytes` bytes of DER: organisational units of 60 characters each, then the CN. */
export function longName(bytes: number, commonName: string): Name {
  const units = Array.from(
    { length: Math.ceil(bytes / 71) },
    (_, index) => ['OU', `${commonName} unit ${index} `.padEnd(60, 'x')] as const,
  );
  return [...units, ['CN', commonName]];
}

function caDefaults(commonName: string): CertificateOptions {
  return {
    commonName,
    basicConstraints: { kind: 'ca' },
    keyUsage: ['keyCertSign', 'cRLSign'],
    notAfter: new Date(Date.now() + 3650 * day),
  };
}

function make(options: CertificateOptions, by: Signer | 'itself'): Certificate {
  const { commonName: _, subject: __, keyType, key: given, ...overrides } = options;
  // `key` may be a whole certificate: take only its keys.
  const { publicKey, privateKey } = given ?? makeKey(keyType);
  const name = nameOf(options, 'unnamed');
  const spec: CertificateSpec = {
    version: 3,
    serial: randomSerial(),
    subject: name,
    publicKey,
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + day),
    basicConstraints: undefined,
    keyUsage: undefined,
    subjectKeyId: true,
    authorityKeyId: 'key-id',
    uris: [],
    dnsNames: [],
    otherNames: [],
    permittedUriHosts: [],
    extendedKeyUsage: [],
    otherExtensions: [],
    digest: 'sha256',
    ...overrides,
  };
  const issuer = by === 'itself' ? { name, serial: spec.serial, publicKey, privateKey } : by;
  const der = issueCertificate(spec, issuer);
  return {
    der,
    certPem: toPem(der),
    keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }),
    name,
    serial: spec.serial,
    notBefore: spec.notBefore,
    notAfter: spec.notAfter,
    publicKey,
    privateKey,
  };
}

function nameOf(options: CertificateOptions, fallback: string): Name {
  return options.subject ?? [['CN', options.commonName ?? fallback]];
}

/** Returns 16 random bytes, the first from 0x40 to 0x7f: positive and of constant length. */
function randomSerial(): bigint {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return BigInt(`0x${bytes.toString('hex')}`);
}
