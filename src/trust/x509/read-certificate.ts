import { X509Certificate, hash } from 'node:crypto';
import type { BlockRefusalCode } from '../findings/catalogue.ts';
import { matchesAuthorityKeyId } from './authority-key-id.ts';
import { canonicalName, isSameName } from './canonical-name.ts';
import { walkCertificate } from './certificate-walk.ts';
import type { CertificateParts } from './certificate-walk.ts';
import type { Certificate } from './certificate.ts';
import { DerError, encoded } from './der-reader.ts';
import { toHex } from './der-values.ts';
import { displayName } from './display-name.ts';
import { identifyKey } from './key-identity.ts';
import { demandsPolicy, findPolicyExtensions } from './policy-extensions.ts';
import { isSupported, readPublicKey, readSignature } from './signature.ts';
import { isNewKeyType } from './walk-public-key.ts';

/** A CA, or the reason why the certificate is not served. */
export type CertificateReading =
  { readonly kind: 'ca'; readonly certificate: Certificate } | CertificateRefusal;

interface CertificateRefusal {
  readonly kind: 'refused';
  readonly code: BlockRefusalCode;
  readonly reason: string;
}

/** The maximum bytes of a subject. All subjects are sent in every handshake, whose list of names has at most 64 KiB. */
const subjectLimit = 4096;

/**
 * Reads a certificate. Returns it if Envoy both loads it and accepts it as a CA, and otherwise the reason for the
 * refusal. Keeps `der`, which must not be modified afterwards.
 */
export function readCertificate(der: Uint8Array): CertificateReading {
  const parsed = parse(der);
  if (parsed.kind === 'refused') return parsed;
  const { parts } = parsed;
  const { invalidExtension, deviations } = parts;
  if (invalidExtension !== undefined) return refused('MT014', invalidExtension);
  const { display: keyAlgorithm, problem } = parts.publicKey;
  if (problem !== undefined) return refused('MT014', problem);
  if (keyAlgorithm === undefined) {
    return refused('MT015', 'the algorithm or curve of the key is not supported by Envoy');
  }
  if (isNewKeyType(keyAlgorithm)) {
    return refused(
      'MT015',
      `Envoy 1.36 does not support keys of type ${keyAlgorithm}, and Envoy 1.40 does; ${ownRule}`,
    );
  }
  if (readPublicKey(encoded(der, parts.publicKey.element)) === undefined) {
    return refused('MT014', 'the public key cannot be read by OpenSSL');
  }
  if (!isReadableByOpenSsl(der)) {
    return refused(
      'MT014',
      `OpenSSL cannot read the certificate, so handshakes of clients with OpenSSL would fail; ${ownRule}`,
    );
  }
  const [deviation] = deviations;
  if (deviation !== undefined) return refused('MT014', `${deviation}; ${ownRule}`);
  const notCa = notCaReason(der, parts);
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

function parse(
  der: Uint8Array,
): { readonly kind: 'parsed'; readonly parts: CertificateParts } | CertificateRefusal {
  try {
    return { kind: 'parsed', parts: walkCertificate(der) };
  } catch (error) {
    if (error instanceof DerError) return refused('MT014', error.message);
    throw error;
  }
}

/** The end of the sentence about a certificate that Envoy accepts as a CA but ADR 0012 refuses. */
const ownRule = 'this is a rule of meshtrust, not of Envoy';

/**
 * Returns whether OpenSSL (in Node) can read the certificate. Envoy sends the subject of each CA to its clients. A
 * subject that OpenSSL cannot read ends the handshake of every client that uses OpenSSL (tried with a number in it).
 */
function isReadableByOpenSsl(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

/**
 * Returns why a certificate is not a CA, or `undefined` if it is. A CA has CA:TRUE, or is self-issued without basic
 * constraints (like version 1). Its key usage, if present, includes signing certificates. Envoy accepts more as an
 * anchor, and Node's `.ca` less. A certificate of another issuer without basic constraints may be a leaf, and
 * re-rooting would make it a CA.
 */
function notCaReason(der: Uint8Array, parts: CertificateParts): string | undefined {
  const { basicConstraints, keyUsage } = parts.extensions;
  if (basicConstraints?.ca === false) {
    const isOwnRule = keyUsage?.keyCertSign !== false && basicConstraints.pathLength === undefined;
    return `the certificate is not a CA: its basic constraints say CA:FALSE${isOwnRule ? `; ${ownRule}` : ''}`;
  }
  if (keyUsage?.keyCertSign === false) {
    return 'the certificate is not a CA: its key usage does not include signing certificates';
  }
  if (basicConstraints === undefined && !isSelfIssued(der, parts)) {
    return `the certificate is not a CA: it has no basic constraints and is not self-issued; ${ownRule}`;
  }
  return undefined;
}

function isSelfIssued(der: Uint8Array, { issuer, subject }: CertificateParts): boolean {
  return (
    Buffer.compare(encoded(der, issuer.element), encoded(der, subject.element)) === 0 ||
    isSameName(canonicalName(issuer.name), canonicalName(subject.name))
  );
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
    signatureSupported: isSupported(readSignature(der, parts), '1.36'),
  };
  // The signature is not verified: no validator checks the signature of an anchor, and a self-issued certificate cannot
  // be re-rooted further. Verification would be the largest part of reading a certificate.
  return { ...certificate, selfSigned: selfIssued && matchesAuthorityKeyId(certificate, certificate) };
}
