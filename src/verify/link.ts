import { X509Certificate, hash } from 'node:crypto';
import { walkCertificate } from '../x509/certificate-walk.ts';
import type { CertificateParts } from '../x509/certificate-walk.ts';
import { DerError, createCursor, inside } from '../x509/der-reader.ts';
import { takeOid, toHex } from '../x509/der-values.ts';
import { displayName } from '../x509/display-name.ts';
import { takeName } from '../x509/walk-name.ts';
import { canonicalName, isSameName } from './canonical-name.ts';
import type { CanonicalName } from './canonical-name.ts';
import { readDetails } from './extension-details.ts';
import type { ExtensionDetails } from './extension-details.ts';

/** One certificate of a path, as far as its neighbours and the rules for paths look at it. */
export interface Link extends ExtensionDetails {
  readonly fingerprint: string;
  readonly version: 1 | 2 | 3;
  /** For people. */
  readonly subject: string;
  readonly issuer: string;
  /** To compare. */
  readonly subjectName: CanonicalName;
  readonly issuerName: CanonicalName;
  readonly serial: string;
  /** E-mail addresses in the subject, which name constraints are about. */
  readonly subjectEmails: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The kind of key, as in `Certificate`; undefined where Envoy verifies nothing with it. */
  readonly keyAlgorithm: string | undefined;
  /** The hex of its identifier. */
  readonly signatureAlgorithm: string;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly authoritySerial: string | undefined;
  readonly authorityIssuer: CanonicalName | undefined;
  readonly selfIssued: boolean;
  /** Envoy looks for no issuer of it: it is self-issued, and may have signed itself. */
  readonly endsPath: boolean;
  readonly x509: X509Certificate;
}

/** A certificate as a link, or why neither Envoy nor this reader takes it. */
export type LinkReading =
  { readonly kind: 'link'; readonly link: Link } | { readonly kind: 'unreadable'; readonly reason: string };

/** `emailAddress`, as hex of the identifier. */
const emailAddress = '2a864886f70d010901';

/** Reads a certificate as strictly as anchors are read; never throws. */
export function readLink(der: Uint8Array): LinkReading {
  try {
    const parts = walkCertificate(der);
    return { kind: 'link', link: describe(der, parts, new X509Certificate(der)) };
  } catch (error) {
    if (error instanceof DerError) return { kind: 'unreadable', reason: error.message };
    return { kind: 'unreadable', reason: 'OpenSSL does not read it' };
  }
}

function describe(der: Uint8Array, parts: CertificateParts, x509: X509Certificate): Link {
  const { extensions, serial, subject, issuer } = parts;
  const details = readDetails(der, parts.extensionsField);
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
    subjectEmails: subject.name.flat().flatMap(({ type, value }) => (type === emailAddress ? [value] : [])),
    notBefore: parts.notBefore,
    notAfter: parts.notAfter,
    keyAlgorithm: parts.publicKey.display,
    signatureAlgorithm: takeOid(inside(der, parts.algorithm), 'the signature algorithm'),
    basicConstraints: extensions.basicConstraints,
    subjectKeyId: extensions.subjectKeyId,
    authorityKeyId: extensions.authorityKeyId?.keyId,
    authoritySerial: extensions.authorityKeyId?.serial,
    authorityIssuer: nameIn(extensions.authorityKeyId?.issuer),
    selfIssued,
    x509,
  };
  return { ...link, endsPath: selfIssued && mayHaveSigned(link, link) };
}

function nameIn(der: Uint8Array | undefined): CanonicalName | undefined {
  if (der === undefined) return undefined;
  return canonicalName(takeName(createCursor(der, 0, der.length), 'a name').name);
}

type Child = Pick<Link, 'issuerName' | 'authorityKeyId' | 'authoritySerial' | 'authorityIssuer'>;
type Issuer = Pick<Link, 'subjectName' | 'issuerName' | 'keyUsage' | 'subjectKeyId' | 'serial'>;

/**
 * Whether Envoy takes `issuer` for the issuer of `child`, before it looks at any signature, and then for good:
 * by name, authority key identifier and key usage. What an identifier leaves out contradicts nothing.
 */
export function mayHaveSigned(child: Child, issuer: Issuer): boolean {
  const { issuerName, authorityKeyId, authoritySerial, authorityIssuer } = child;
  return (
    isSameName(issuerName, issuer.subjectName) &&
    (authorityKeyId === undefined ||
      issuer.subjectKeyId === undefined ||
      authorityKeyId === issuer.subjectKeyId) &&
    (authoritySerial === undefined || authoritySerial === issuer.serial) &&
    (authorityIssuer === undefined || isSameName(authorityIssuer, issuer.issuerName)) &&
    issuer.keyUsage?.keyCertSign !== false
  );
}
