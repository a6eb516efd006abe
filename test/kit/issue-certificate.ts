import { createHash, sign } from 'node:crypto';
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
  printableString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

/** Attribute types of a distinguished name that tests use. */
export type AttributeType = keyof typeof attributeOids;

/** A distinguished name: one attribute per RDN, in order. */
export type Name = readonly (readonly [AttributeType, string])[];

export type KeyUsage = (typeof keyUsageBits)[number];

/** An issuer: its name and its key. A certificate contains nothing else of its issuer. */
export interface Signer {
  readonly name: Name;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly serial: bigint;
}

/** The content of a certificate. Each part can be left out, to make every kind of odd certificate. */
export interface CertificateSpec {
  readonly version: 1 | 3;
  readonly serial: bigint;
  readonly subject: Name;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly basicConstraints:
    { readonly kind: 'ca'; readonly pathLength?: number } | { readonly kind: 'end-entity' } | undefined;
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly subjectKeyId: boolean;
  readonly authorityKeyId: 'key-id' | 'issuer-and-serial' | undefined;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Further alternative names, each a GeneralName as encoded. */
  readonly otherNames: readonly Buffer[];
  /** Hosts of permitted URI subtrees (RFC 5280, 4.2.1.10: the host part of the URI). */
  readonly permittedUriHosts: readonly string[];
  readonly extendedKeyUsage: readonly (keyof typeof extendedKeyUsageOids)[];
  /** Further extensions, after all others. */
  readonly otherExtensions: readonly ExtensionSpec[];
  /** The digest of the signature. SHA-1 and MD5 are for tests of rejected certificates. */
  readonly digest: Digest;
}

/** An extension as it is encoded. */
export interface ExtensionSpec {
  /** The dotted form of its identifier. */
  readonly id: string;
  readonly value: Buffer;
  readonly critical?: boolean;
}

export type Digest = keyof typeof signatureOids;

const attributeOids = {
  C: '2.5.4.6',
  ST: '2.5.4.8',
  L: '2.5.4.7',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  CN: '2.5.4.3',
} as const;

const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const;

const extendedKeyUsageOids = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  any: '2.5.29.37.0',
} as const;

/** Signature algorithms by digest, for each kind of key that has one to choose. */
const signatureOids = {
  md5: { rsa: '1.2.840.113549.1.1.4', ec: undefined },
  sha1: { rsa: '1.2.840.113549.1.1.5', ec: '1.2.840.10045.4.1' },
  sha256: { rsa: '1.2.840.113549.1.1.11', ec: '1.2.840.10045.4.3.2' },
  sha224: { rsa: '1.2.840.113549.1.1.14', ec: '1.2.840.10045.4.3.1' },
  sha384: { rsa: '1.2.840.113549.1.1.12', ec: '1.2.840.10045.4.3.3' },
  sha512: { rsa: '1.2.840.113549.1.1.13', ec: '1.2.840.10045.4.3.4' },
} as const;

/** Returns the DER of a certificate with the content `spec`, signed by `issuer` (RFC 5280, section 4.1). */
export function issueCertificate(spec: CertificateSpec, issuer: Signer): Buffer {
  const extensions = spec.version === 3 ? encodeExtensions(spec, issuer) : [];
  const tbs = sequence(
    ...(spec.version === 3 ? [contextConstructed(0, integer(2n))] : []),
    integer(spec.serial),
    signatureAlgorithm(issuer.privateKey, spec.digest),
    encodeName(issuer.name),
    sequence(time(spec.notBefore), time(spec.notAfter)),
    encodeName(spec.subject),
    spec.publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length > 0 ? [contextConstructed(3, sequence(...extensions))] : []),
  );
  return signed(tbs, issuer.privateKey, spec.digest);
}

/** `tbs`, its algorithm and its signature: the outer SEQUENCE that certificates and CRLs share. */
export function signed(tbs: Buffer, privateKey: KeyObject, digest: Digest = 'sha256'): Buffer {
  const chosen = privateKey.asymmetricKeyType === 'ed25519' ? null : digest;
  return sequence(tbs, signatureAlgorithm(privateKey, digest), bitString(sign(chosen, tbs, privateKey)));
}

/** The signature algorithm of a key with a digest, which Ed25519 has built in. */
export function signatureAlgorithm(key: KeyObject, digest: Digest = 'sha256'): Buffer {
  const { rsa, ec } = signatureOids[digest];
  if (key.asymmetricKeyType === 'ed25519') return sequence(oid('1.3.101.112'));
  if (key.asymmetricKeyType !== 'ec') return sequence(oid(rsa), nullValue());
  if (ec === undefined) throw new Error(`there is no ECDSA with ${digest}`);
  return sequence(oid(ec));
}

/** The DER of a distinguished name. */
export function encodeName(name: Name): Buffer {
  return sequence(
    ...name.map(([type, value]) =>
      setOf(sequence(oid(attributeOids[type]), type === 'C' ? printableString(value) : utf8String(value))),
    ),
  );
}

/** A key identifier: the leftmost 160 bits of the SHA-256 of the SubjectPublicKeyInfo (RFC 7093, 2, method 4). */
export function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest()
    .subarray(0, 20);
}

function encodeExtensions(spec: CertificateSpec, issuer: Signer): Buffer[] {
  const extensions: Buffer[] = [];
  if (spec.subjectKeyId) extensions.push(extension('2.5.29.14', octetString(keyIdentifier(spec.publicKey))));
  if (spec.authorityKeyId !== undefined) {
    extensions.push(extension('2.5.29.35', encodeAuthorityKeyId(spec.authorityKeyId, issuer)));
  }
  if (spec.basicConstraints !== undefined) {
    extensions.push(extension('2.5.29.19', encodeBasicConstraints(spec.basicConstraints), 'critical'));
  }
  if (spec.keyUsage !== undefined) {
    extensions.push(extension('2.5.29.15', encodeKeyUsage(spec.keyUsage), 'critical'));
  }
  if (spec.extendedKeyUsage.length > 0) {
    const purposes = spec.extendedKeyUsage.map((purpose) => oid(extendedKeyUsageOids[purpose]));
    extensions.push(extension('2.5.29.37', sequence(...purposes)));
  }
  if (spec.uris.length + spec.dnsNames.length + spec.otherNames.length > 0) {
    const names = [
      ...spec.uris.map((uri) => contextPrimitive(6, Buffer.from(uri, 'latin1'))),
      ...spec.dnsNames.map((dns) => contextPrimitive(2, Buffer.from(dns, 'latin1'))),
      ...spec.otherNames,
    ];
    extensions.push(extension('2.5.29.17', sequence(...names)));
  }
  if (spec.permittedUriHosts.length > 0) {
    const subtrees = spec.permittedUriHosts.map((host) =>
      sequence(contextPrimitive(6, Buffer.from(host, 'latin1'))),
    );
    extensions.push(extension('2.5.29.30', sequence(contextConstructed(0, ...subtrees)), 'critical'));
  }
  for (const { id, value, critical = false } of spec.otherExtensions)
    extensions.push(extension(id, value, critical ? 'critical' : undefined));
  return extensions;
}

function extension(id: string, value: Buffer, criticality?: 'critical'): Buffer {
  return sequence(oid(id), ...(criticality === undefined ? [] : [booleanTrue()]), octetString(value));
}

function encodeAuthorityKeyId(kind: 'key-id' | 'issuer-and-serial', issuer: Signer): Buffer {
  if (kind === 'key-id') return sequence(contextPrimitive(0, keyIdentifier(issuer.publicKey)));
  const serial = integer(issuer.serial);
  // The IMPLICIT INTEGER has the content octets of the INTEGER alone: drop tag and (short) length.
  return sequence(
    contextConstructed(1, contextConstructed(4, encodeName(issuer.name))),
    contextPrimitive(2, serial.subarray(2)),
  );
}

function encodeBasicConstraints(constraints: NonNullable<CertificateSpec['basicConstraints']>): Buffer {
  if (constraints.kind === 'end-entity') return sequence();
  const { pathLength } = constraints;
  return sequence(booleanTrue(), ...(pathLength === undefined ? [] : [integer(BigInt(pathLength))]));
}

/** The value of a key usage extension (RFC 5280, 4.2.1.3). */
export function encodeKeyUsage(usages: readonly KeyUsage[]): Buffer {
  const positions = usages.map((usage) => keyUsageBits.indexOf(usage));
  const byte = positions.reduce((bits, position) => bits | (0x80 >> position), 0);
  // A named bit list has no trailing zero bits (X.690, 11.2.2).
  return bitString(Buffer.from([byte]), 7 - Math.max(...positions));
}
