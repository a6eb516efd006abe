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
  readonly subjectEmails: readonly SubjectName[];
  /** How many attributes the subject has. */
  readonly attributeCount: number;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The kind of key, as in `Certificate`; undefined where Envoy verifies nothing with it. */
  readonly keyAlgorithm: string | undefined;
  readonly signature: Signature;
  /** Why its extensions are invalid: then Envoy goes no path through it. */
  readonly invalidExtension: string | undefined;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly authoritySerial: string | undefined;
  readonly authorityIssuer: CanonicalName | undefined;
  readonly selfIssued: boolean;
  /** Envoy looks for no issuer of it: it is self-issued, and may have signed itself. */
  readonly endsPath: boolean;
  /** Undefined where OpenSSL does not read it. */
  readonly publicKey: KeyObject | undefined;
}

/** A certificate as a link, or why neither Envoy nor this reader takes it. */
export type LinkReading =
  { readonly kind: 'link'; readonly link: Link } | { readonly kind: 'unreadable'; readonly reason: string };

/** `emailAddress`, as hex of the identifier. */
const emailAddress = '2a864886f70d010901';

/** Reads a certificate as BoringSSL does, which is less strict than anchors are read; never throws. */
export function readLink(der: Uint8Array): LinkReading {
  try {
    const parts = walkCertificate(der);
    return { kind: 'link', link: describe(der, parts) };
  } catch (error) {
    if (error instanceof DerError) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

function describe(der: Uint8Array, parts: CertificateParts): Link {
  const { extensions, serial, subject, issuer } = parts;
  const { ca, pathLength } = extensions.basicConstraints ?? {};
  const invalidExtension =
    parts.invalidExtension ??
    (ca === false && pathLength !== undefined
      ? 'the basic constraints of a non-CA have a path length'
      : undefined);
  const details = invalidExtension === undefined ? readDetails(der, parts.extensionsField) : noDetails;
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
  return { ...link, endsPath: selfIssued && mayHaveSigned(link, link) };
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
    issuer.keyUsage?.keyCertSign !== false &&
    issuer.invalidExtension === undefined
  );
}
