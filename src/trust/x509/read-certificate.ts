import { X509Certificate, hash } from 'node:crypto';
import type { BlockRefusalCode } from '../findings/catalogue.ts';
import { canBeAuthority } from './authority.ts';
import { walkCertificate } from './certificate-walk.ts';
import type { CertificateParts } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { DerError, encoded } from './der-reader.ts';
import { toHex } from './der-values.ts';
import { displayName } from './display-name.ts';
import { identifyKey } from './key-identity.ts';
import { demandsPolicy, findPolicyExtensions } from './policy-extensions.ts';
import { readPublicKey, readSignature } from './signature.ts';

/** A CA, or the one reason why this certificate is not served. */
export type CertificateReading =
  { readonly kind: 'ca'; readonly certificate: Certificate } | CertificateRefusal;

interface CertificateRefusal {
  readonly kind: 'refused';
  readonly code: BlockRefusalCode;
  readonly reason: string;
}

/** Bytes of a subject: all of them go into every handshake, whose list of names holds 64 KiB. */
const subjectLimit = 4096;

/**
 * Reads a certificate that Envoy both loads and takes as a CA; says of any other what is wrong with it.
 * Keeps `der`, which must not be changed afterwards.
 */
export function readCertificate(der: Uint8Array): CertificateReading {
  const walked = walk(der);
  if (walked.kind === 'refused') return walked;
  const { parts } = walked;
  const { invalidExtension, deviations } = parts;
  if (invalidExtension !== undefined) return refused('MT014', invalidExtension);
  const { display: keyAlgorithm, problem } = parts.publicKey;
  if (problem !== undefined) return refused('MT014', problem);
  if (keyAlgorithm === undefined) {
    return refused('MT015', 'Envoy verifies nothing with a key of its algorithm or curve');
  }
  if (readPublicKey(encoded(der, parts.publicKey.element)) === undefined) {
    return refused('MT014', 'OpenSSL does not read its public key');
  }
  if (!opensslReads(der)) {
    return refused(
      'MT014',
      `clients with OpenSSL do not read it, and fail where Envoy names it to them; ${ownRule}`,
    );
  }
  const [deviation] = deviations;
  if (deviation !== undefined) return refused('MT014', `${deviation}; ${ownRule}`);
  const notCa = whyNotCa(der, parts);
  if (notCa !== undefined) return refused('MT015', notCa);
  const { element: subject } = parts.subject;
  const length = subject.end - subject.start;
  if (length > subjectLimit) {
    return refused('MT016', `the subject takes ${length} bytes, more than ${subjectLimit}; ${ownRule}`);
  }
  return { kind: 'ca', certificate: describe(der, parts, keyAlgorithm) };
}

function refused(code: BlockRefusalCode, reason: string): CertificateRefusal {
  return { kind: 'refused', code, reason };
}

function walk(
  der: Uint8Array,
): { readonly kind: 'walked'; readonly parts: CertificateParts } | CertificateRefusal {
  try {
    return { kind: 'walked', parts: walkCertificate(der) };
  } catch (error) {
    if (error instanceof DerError) return refused('MT014', error.message);
    throw error;
  }
}

/** Ends the sentence about a certificate that Envoy takes as a CA and ADR 0012 does not. */
const ownRule = 'this is a rule of meshtrust, not of Envoy';

/**
 * Whether OpenSSL, by way of Node, reads the certificate. Envoy sends the subject of each CA to its clients, and one
 * that OpenSSL does not read ends the handshake of every client that uses OpenSSL (tried with a number in it).
 */
function opensslReads(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

/**
 * What is a CA here: CA:TRUE, or a self-issued certificate that does not say (version 1, or no basic
 * constraints); and no key usage that leaves out signing certificates. Envoy takes more as an anchor, and Node's
 * `.ca` less. What does not say and was issued by another may be a leaf: re-rooting would make a CA of it.
 */
function whyNotCa(der: Uint8Array, parts: CertificateParts): string | undefined {
  const { basicConstraints, keyUsage } = parts.extensions;
  if (basicConstraints?.ca === false) {
    const isOurs = keyUsage?.keyCertSign !== false && basicConstraints.pathLength === undefined;
    return `it is not a CA: its basic constraints say CA:FALSE${isOurs ? `; ${ownRule}` : ''}`;
  }
  if (keyUsage?.keyCertSign === false) {
    return 'it is not a CA: its key usage does not include signing certificates';
  }
  if (basicConstraints === undefined && !isSelfIssued(der, parts)) {
    return `it is not a CA: without basic constraints, only self-issued certificates are; ${ownRule}`;
  }
  return undefined;
}

function isSelfIssued(der: Uint8Array, { issuer, subject }: CertificateParts): boolean {
  return Buffer.compare(encoded(der, issuer.element), encoded(der, subject.element)) === 0;
}

function describe(der: Uint8Array, parts: CertificateParts, keyAlgorithm: string): Certificate {
  const { extensions, serial } = parts;
  const publicKeyDer = encoded(der, parts.publicKey.element);
  const selfIssued = isSelfIssued(der, parts);
  const certificate = {
    fingerprint: hash('sha256', der),
    ...identifyKey(der, parts.publicKey.element, keyAlgorithm),
    der,
    subject: displayName(parts.subject.name),
    issuer: displayName(parts.issuer.name),
    subjectDer: encoded(der, parts.subject.element),
    issuerDer: encoded(der, parts.issuer.element),
    publicKeyDer,
    version: parts.version,
    serial: toHex(der, serial.body, serial.end),
    notBefore: parts.notBefore,
    notAfter: parts.notAfter,
    keyAlgorithm,
    selfIssued,
    subjectKeyId: extensions.subjectKeyId,
    authorityKeyId: extensions.authorityKeyId?.keyId,
    authoritySerial: extensions.authorityKeyId?.serial,
    authorityIssuerDer: extensions.authorityKeyId?.issuer,
    pathLength: extensions.basicConstraints?.pathLength,
    nameConstraints: extensions.nameConstraints ?? false,
    demandsPolicy: demandsPolicy(findPolicyExtensions(der, parts.extensionsField)),
    signatureSupported: readSignature(der, parts).method !== undefined,
  };
  // The signature is not verified: no validator looks at an anchor's own, and one that names itself as its
  // issuer cannot be re-rooted any further. Verifying would be the largest part of reading a certificate.
  return { ...certificate, selfSigned: selfIssued && canBeAuthority(certificate, certificate) };
}
