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

/** Who signs: a name and a key. Nothing else of an issuer reaches a certificate. */
export interface Signer {
  readonly name: Name;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly serial: bigint;
}

/** Everything a certificate says; each part can be left out, so that each kind of odd one can be made. */
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
  /** Hosts of permitted URI subtrees (RFC 5280, 4.2.1.10: the host part of the URI). */
  readonly permittedUriHosts: readonly string[];
  readonly extendedKeyUsage: readonly ('serverAuth' | 'clientAuth')[];
}

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

const extendedKeyUsageOids = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;

/** The DER of a certificate that says what `spec` says, signed by `issuer` with SHA-256. RFC 5280, 4.1. */
export function issueCertificate(spec: CertificateSpec, issuer: Signer): Buffer {
  const extensions = spec.version === 3 ? encodeExtensions(spec, issuer) : [];
  const tbs = sequence(
    ...(spec.version === 3 ? [contextConstructed(0, integer(2n))] : []),
    integer(spec.serial),
    signatureAlgorithm(issuer.privateKey),
    encodeName(issuer.name),
    sequence(time(spec.notBefore), time(spec.notAfter)),
    encodeName(spec.subject),
    spec.publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length > 0 ? [contextConstructed(3, sequence(...extensions))] : []),
  );
  return signed(tbs, issuer.privateKey);
}

/** `tbs`, its algorithm and its signature: the outer SEQUENCE that certificates and CRLs share. */
export function signed(tbs: Buffer, privateKey: KeyObject): Buffer {
  return sequence(tbs, signatureAlgorithm(privateKey), bitString(sign('sha256', tbs, privateKey)));
}

/** ecdsa-with-SHA256 or sha256WithRSAEncryption, by the kind of key. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'ec'
    ? sequence(oid('1.2.840.10045.4.3.2'))
    : sequence(oid('1.2.840.113549.1.1.11'), nullValue());
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
  if (spec.uris.length + spec.dnsNames.length > 0) {
    const names = [
      ...spec.uris.map((uri) => contextPrimitive(6, Buffer.from(uri, 'latin1'))),
      ...spec.dnsNames.map((dns) => contextPrimitive(2, Buffer.from(dns, 'latin1'))),
    ];
    extensions.push(extension('2.5.29.17', sequence(...names)));
  }
  if (spec.permittedUriHosts.length > 0) {
    const subtrees = spec.permittedUriHosts.map((host) =>
      sequence(contextPrimitive(6, Buffer.from(host, 'latin1'))),
    );
    extensions.push(extension('2.5.29.30', sequence(contextConstructed(0, ...subtrees)), 'critical'));
  }
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
