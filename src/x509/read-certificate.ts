import { X509Certificate, hash } from 'node:crypto';
import type { BlockRefusalCode } from '../findings/catalogue.ts';
import { walkCertificate } from './certificate-walk.ts';
import type { CertificateParts } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { DerError, contents, encoded } from './der-reader.ts';

/** A CA, or the one reason why this certificate is not served. */
export type CertificateReading =
  | { readonly kind: 'ca'; readonly certificate: Certificate }
  | { readonly kind: 'refused'; readonly code: BlockRefusalCode; readonly reason: string };

const subjectLimit = 4096;

/** Reads a certificate that Envoy both loads and takes as a CA; says of any other what is wrong with it. */
export function readCertificate(der: Uint8Array): CertificateReading {
  let parts: CertificateParts;
  try {
    parts = walkCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return { kind: 'refused', code: 'MT014', reason: error.message };
    throw error;
  }
  let opened: X509Certificate;
  try {
    opened = new X509Certificate(der);
  } catch {
    return { kind: 'refused', code: 'MT014', reason: 'OpenSSL does not read this certificate' };
  }
  const subjectDer = encoded(der, parts.subject);
  if (subjectDer.length > subjectLimit) {
    return {
      kind: 'refused',
      code: 'MT016',
      reason: `the subject takes ${subjectDer.length} bytes, more than ${subjectLimit}`,
    };
  }
  const issuerDer = encoded(der, parts.issuer);
  const publicKeyDer = encoded(der, parts.publicKey);
  const selfIssued = Buffer.compare(subjectDer, issuerDer) === 0;
  const key = opened.publicKey;
  return {
    kind: 'ca',
    certificate: {
      fingerprint: hash('sha256', der),
      keyHash: hash('sha256', publicKeyDer),
      der,
      subject: opened.subject,
      issuer: opened.issuer,
      subjectDer,
      issuerDer,
      publicKeyDer,
      serial: Buffer.from(contents(der, parts.serial)).toString('hex'),
      notBefore: Date.parse(opened.validFrom),
      notAfter: Date.parse(opened.validTo),
      keyAlgorithm: key.asymmetricKeyType ?? 'unknown',
      selfIssued,
      selfSigned: selfIssued && opened.verify(key),
      subjectKeyId: undefined,
      authorityKeyId: undefined,
    },
  };
}
