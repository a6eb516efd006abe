import { hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { walkCertificate } from '../x509/certificate-walk.ts';
import type { CertificateParts } from '../x509/certificate-walk.ts';
import { DerError, createCursor, encoded, tag } from '../x509/der-reader.ts';
import { toHex } from '../x509/der-values.ts';
import { displayName } from '../x509/display-name.ts';
import { readPublicKey, readSignature } from '../x509/signature.ts';
import type { Signature } from '../x509/signature.ts';
import { takeName } from '../x509/walk-name.ts';
import type { SubjectName } from '../x509/subject-names.ts';
import { canonicalName, isSameName } from '../x509/canonical-name.ts';
import type { CanonicalName } from '../x509/canonical-name.ts';
import { noDetails, readDetails } from './extension-details.ts';
import type { ExtensionDetails } from './extension-details.ts';

/** One certificate of a path, with the fields that the path rules use. */
export interface Link extends ExtensionDetails {
  readonly fingerprint: string;
  readonly version: 1 | 2 | 3;
  /** The subject and the issuer for display. */
  readonly subject: string;
  readonly issuer: string;
  /** The subject and the issuer for comparison. */
  readonly subjectName: CanonicalName;
  readonly issuerName: CanonicalName;
  readonly serial: string;
  /** E-mail addresses in the subject, to which name constraints apply. */
  readonly subjectEmails: readonly SubjectName[];
  /** The number of attributes of the subject. */
  readonly attributeCount: number;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The type of the key, as in `Certificate`; `undefined` if Envoy verifies no signature with it. */
  readonly keyAlgorithm: string | undefined;
  readonly signature: Signature;
  /** Why its extensions are invalid, so that Envoy builds no path through it. */
  readonly invalidExtension: string | undefined;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly authoritySerial: string | undefined;
  readonly authorityIssuer: CanonicalName | undefined;
  readonly selfIssued: boolean;
  /** Whether Envoy searches no issuer for it: it is self-issued and may have signed itself. */
  readonly endsPath: boolean;
  /** `undefined` if OpenSSL cannot read the key. */
  readonly publicKey: KeyObject | undefined;
}

/** A certificate as a link, or the reason why neither Envoy nor this reader can read it. */
export type LinkReading =
  { readonly kind: 'link'; readonly link: Link } | { readonly kind: 'unreadable'; readonly reason: string };

/** `emailAddress`, as hex of the identifier. */
const emailAddress = '2a864886f70d010901';

/** Reads a certificate as BoringSSL does, less strictly than `readCertificate` reads anchors. Never throws. */
export function readLink(der: Uint8Array): LinkReading {
  try {
    const parts = walkCertificate(der);
    return { kind: 'link', link: describe(der, parts) };
  } catch (error) {
    if (error instanceof DerError) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

/** The claims of a certificate about its subject. */
export type Claims = Pick<Link, 'subject' | 'names' | 'notAfter'>;

/**
 * Reads the claims of a certificate, at half the cost of `readLink`, and verifies none of them. Returns `undefined` if
 * it cannot be read. Never throws.
 */
export function readClaims(der: Uint8Array): Claims | undefined {
  try {
    const parts = walkCertificate(der);
    const { names } = detailsOf(der, parts, invalidExtensionOf(parts));
    return { subject: displayName(parts.subject.name), names, notAfter: parts.notAfter };
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function invalidExtensionOf({ invalidExtension, extensions }: CertificateParts): string | undefined {
  if (invalidExtension !== undefined) return invalidExtension;
  const { ca, pathLength } = extensions.basicConstraints ?? {};
  return ca === false && pathLength !== undefined
    ? 'the basic constraints of a non-CA have a path length'
    : undefined;
}

function detailsOf(
  der: Uint8Array,
  { extensionsField }: CertificateParts,
  invalid: string | undefined,
): ExtensionDetails {
  return invalid === undefined ? readDetails(der, extensionsField) : noDetails;
}

function describe(der: Uint8Array, parts: CertificateParts): Link {
  const { extensions, serial, subject, issuer } = parts;
  const invalidExtension = invalidExtensionOf(parts);
  const details = detailsOf(der, parts, invalidExtension);
  const [subjectName, issuerName] = [canonicalName(subject.name), canonicalName(issuer.name)];
  const selfIssued = isSameName(subjectName, issuerName);
  const link = {
    ...details,
    fingerprint: hash('sha256', der),
    version: parts.version,
    subject: displayName(subject.name),
    issuer: displayName(issuer.name),
    subjectName,
    issuerName,
    serial: toHex(der, serial.body, serial.end),
    subjectEmails: subject.name.flat().flatMap(({ type, value, tag: kind }) => {
      if (type !== emailAddress) return [];
      return [{ kind: 'email', text: value, inSubject: true, isIa5: kind === tag.ia5String } as const];
    }),
    attributeCount: subject.name.flat().length,
    notBefore: parts.notBefore,
    notAfter: parts.notAfter,
    keyAlgorithm: parts.publicKey.display,
    signature: readSignature(der, parts),
    invalidExtension,
    basicConstraints: extensions.basicConstraints,
    subjectKeyId: extensions.subjectKeyId,
    authorityKeyId: extensions.authorityKeyId?.keyId,
    authoritySerial: extensions.authorityKeyId?.serial,
    authorityIssuer: nameIn(extensions.authorityKeyId?.issuer),
    selfIssued,
    publicKey: readPublicKey(encoded(der, parts.publicKey.element)),
  };
  return { ...link, endsPath: selfIssued && canBeIssuedBy(link, link) };
}

function nameIn(der: Uint8Array | undefined): CanonicalName | undefined {
  if (der === undefined) return undefined;
  return canonicalName(takeName(createCursor(der, 0, der.length), 'a name').name);
}

type Child = Pick<Link, 'issuerName' | 'authorityKeyId' | 'authoritySerial' | 'authorityIssuer'>;
type Issuer = Pick<
  Link,
  'subjectName' | 'issuerName' | 'keyUsage' | 'subjectKeyId' | 'serial' | 'invalidExtension'
>;

/** Why Envoy does not accept a certificate as the issuer of another. */
export type IssuerConflict = 'name' | 'key' | 'serial' | 'issuer' | 'key-usage' | 'invalid-extension';

/**
 * Returns why Envoy does not accept `issuer` as the issuer of `child`, or `undefined` if it does: by name, authority
 * key identifier and key usage. Envoy decides this before it checks any signature and does not revise it. A missing
 * part of an identifier is no conflict.
 */
export function issuerConflict(child: Child, issuer: Issuer): IssuerConflict | undefined {
  const { issuerName, authorityKeyId, authoritySerial, authorityIssuer } = child;
  if (!isSameName(issuerName, issuer.subjectName)) return 'name';
  if (issuer.invalidExtension !== undefined) return 'invalid-extension';
  const hasKeyIds = authorityKeyId !== undefined && issuer.subjectKeyId !== undefined;
  if (hasKeyIds && authorityKeyId !== issuer.subjectKeyId) return 'key';
  if (authoritySerial !== undefined && authoritySerial !== issuer.serial) return 'serial';
  if (authorityIssuer !== undefined && !isSameName(authorityIssuer, issuer.issuerName)) return 'issuer';
  return issuer.keyUsage?.keyCertSign === false ? 'key-usage' : undefined;
}

/** Returns whether Envoy accepts `issuer` as the issuer of `child`: see `issuerConflict`. */
export function canBeIssuedBy(child: Child, issuer: Issuer): boolean {
  return issuerConflict(child, issuer) === undefined;
}
