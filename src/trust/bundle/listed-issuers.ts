import type { Certificate } from '../x509/certificate.ts';
import { canonicalNameKey } from '../x509/canonical-name.ts';
import { signedBy } from '../x509/signed-by.ts';

/**
 * Returns the fingerprints of the certificates of a set that have signed each intermediate of it: two CAs can have one
 * name. An intermediate is absent if its signature cannot be verified here, so that its issuer is unknown.
 */
export function listedIssuers(
  certificates: readonly Certificate[],
): ReadonlyMap<Certificate, readonly string[]> {
  const intermediates = certificates.filter(
    ({ selfSigned, signatureSupported }) => !selfSigned && signatureSupported,
  );
  if (intermediates.length === 0) return new Map();
  const bySubject = Map.groupBy(certificates, ({ subjectDer }) => canonicalNameKey(subjectDer));
  return new Map(
    intermediates.map((child) => [
      child,
      (bySubject.get(canonicalNameKey(child.issuerDer)) ?? [])
        .filter((issuer) => issuer !== child && signedBy(child, issuer))
        .map(({ fingerprint }) => fingerprint),
    ]),
  );
}
