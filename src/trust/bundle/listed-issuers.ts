import type { Certificate } from '../x509/certificate.ts';
import { findIssuers } from '../x509/find-issuers.ts';

/**
 * Returns the fingerprints of the certificates of a set that have signed each intermediate of it: two CAs can have one
 * name. An intermediate is absent if its issuer is unknown: its signature cannot be verified here, or too many
 * certificates may be the issuer.
 */
export function listedIssuers(
  certificates: readonly Certificate[],
): ReadonlyMap<Certificate, readonly string[]> {
  const isVerifiable = ({ selfSigned, signatureSupported }: Certificate): boolean =>
    !selfSigned && signatureSupported;
  // Most trust domains have only roots.
  if (!certificates.some(isVerifiable)) return new Map();
  return new Map(
    [...findIssuers(certificates)].flatMap(([child, { issuers }]) =>
      isVerifiable(child) && issuers !== undefined
        ? [[child, issuers.map(({ fingerprint }) => fingerprint)] as const]
        : [],
    ),
  );
}
