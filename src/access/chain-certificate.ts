import { X509Certificate } from 'node:crypto';
import { canonicalName } from '../trust/x509/canonical-name.ts';
import { walkCertificate } from '../trust/x509/certificate-walk.ts';
import type { CertificateParts } from '../trust/x509/certificate-walk.ts';
import { DerError } from '../trust/x509/der-reader.ts';

/** A certificate that may be part of the chain of a client, with the fields that the search for its issuers uses. */
export interface ChainCertificate {
  readonly x509: X509Certificate;
  readonly der: Uint8Array;
  /** SHA-256 of the DER, as Node.js writes it. */
  readonly fingerprint: string;
  /** `undefined` if OpenSSL can read the certificate and this program cannot. */
  readonly fields: ChainFields | undefined;
}

interface ChainFields {
  readonly parts: CertificateParts;
  /** The subject and the issuer. Two names that OpenSSL considers equal have equal texts. */
  readonly subject: string;
  readonly issuer: string;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
}

/** Reads a certificate; `undefined` if OpenSSL cannot read it. */
export function readChainCertificate(der: Uint8Array): ChainCertificate | undefined {
  try {
    return describeChainCertificate(new X509Certificate(der));
  } catch {
    return undefined;
  }
}

/** Returns a certificate that OpenSSL has read, with its fields. */
export function describeChainCertificate(x509: X509Certificate): ChainCertificate {
  const der = x509.raw;
  return { x509, der, fingerprint: x509.fingerprint256, fields: fieldsOf(der) };
}

function fieldsOf(der: Uint8Array): ChainFields | undefined {
  try {
    const parts = walkCertificate(der);
    const { subject, issuer, extensions } = parts;
    return {
      parts,
      subject: JSON.stringify(canonicalName(subject.name)),
      issuer: JSON.stringify(canonicalName(issuer.name)),
      subjectKeyId: extensions.subjectKeyId,
      authorityKeyId: extensions.authorityKeyId?.keyId,
    };
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** Finds the certificates of a set that another certificate names as its issuer. */
export interface IssuerIndex {
  /** Returns them in the order of the set. Their signatures are not verified. */
  issuersOf(certificate: ChainCertificate): readonly ChainCertificate[];
}

/**
 * Creates an index by subject and key identifier: a comparison with each of a thousand certificates takes half a
 * millisecond, and clients cause it.
 */
export function indexIssuers(certificates: readonly ChainCertificate[]): IssuerIndex {
  const bySubject = new Map(
    [...Map.groupBy(certificates, ({ fields }) => fields?.subject)].map(([subject, all]) => [
      subject,
      { all, byKeyId: Map.groupBy(all, ({ fields }) => fields?.subjectKeyId) },
    ]),
  );
  /** Certificates without fields are compared with every one. */
  const unread = bySubject.get(undefined)?.all ?? [];

  function candidatesOf({ fields }: ChainCertificate): readonly ChainCertificate[] {
    if (fields === undefined) return certificates;
    const namesakes = bySubject.get(fields.issuer);
    if (namesakes === undefined) return unread;
    const { all, byKeyId } = namesakes;
    if (fields.authorityKeyId === undefined) return [...all, ...unread];
    // OpenSSL compares key identifiers only if both certificates have one.
    return [...(byKeyId.get(fields.authorityKeyId) ?? []), ...(byKeyId.get(undefined) ?? []), ...unread];
  }

  return {
    issuersOf: (certificate) =>
      candidatesOf(certificate).filter(({ x509 }) => certificate.x509.checkIssued(x509)),
  };
}

/** Returns whether the key of a certificate has signed another one. */
export function hasSigned(issuer: ChainCertificate, certificate: ChainCertificate): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    // A key that cannot be used verifies nothing.
    return false;
  }
}
