import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { integer, sequence, time } from './der.ts';
import { encodeName, issueCertificate, signatureAlgorithm, signed } from './issue-certificate.ts';
import type { CertificateSpec, Name, Signer } from './issue-certificate.ts';
import { toPem } from './pem.ts';

/** P-256 unless a test is about something else: an RSA key takes a hundred times as long to make. */
export type KeyType = 'ec-p256' | 'ec-p384' | 'ec-p521' | 'ed25519' | 'rsa-512' | 'rsa-1024' | 'rsa-2048';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate with its private key, in every form that tests hand on. */
export interface Certificate extends Signer {
  readonly der: Buffer;
  readonly certPem: string;
  readonly keyPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What every kind of certificate can be given; the rest of the specification can be overridden too. */
export interface CertificateOptions extends Partial<Omit<CertificateSpec, 'publicKey' | 'subject'>> {
  readonly commonName?: string;
  /** Instead of a name made of `commonName` alone. */
  readonly subject?: Name;
  readonly keyType?: KeyType;
  /** A key made before: renewal, cross-signing, one key under two names. */
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

/** A new key pair. */
export function makeKey(type: KeyType = 'ec-p256'): KeyPair {
  return generators[type]();
}

/** A self-signed CA, valid from an hour ago for ten years, with key identifiers. */
export function makeCa(options: CertificateOptions = {}): Certificate {
  return make({ ...caDefaults('Test CA'), ...options }, 'itself');
}

/** A CA certificate signed by `issuer`; with the key and subject of another CA, a cross-certificate of it. */
export function makeIntermediate(issuer: Signer, options: CertificateOptions = {}): Certificate {
  return make({ ...caDefaults('Test Intermediate CA'), ...options }, issuer);
}

/** An end-entity certificate, valid from an hour ago for a day, with a SPIFFE ID or any other URIs. */
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

/** A self-signed end-entity certificate: never a CA. */
export function makeSelfSignedLeaf(options: LeafOptions = {}): Certificate {
  const key = options.key ?? makeKey(options.keyType);
  const { publicKey, privateKey } = key;
  const name = nameOf(options, 'self-signed workload');
  return makeLeaf({ name, serial: 1n, publicKey, privateKey }, { ...options, key, subject: name });
}

/** PEM of a certificate revocation list of `issuer` (RFC 5280, 5.1), issued now for a day. */
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

/** A distinguished name of roughly `bytes` bytes of DER: organisational units of 60 characters, then the CN. */
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
  // Only the keys of what was given: that may be a whole certificate.
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

/** 16 random bytes, the first of them 0x40 to 0x7f: positive and of one length. */
function randomSerial(): bigint {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return BigInt(`0x${bytes.toString('hex')}`);
}
