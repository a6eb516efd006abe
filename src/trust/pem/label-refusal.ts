import type { BlockRefusalCode } from '../findings/catalogue.ts';

/** Returns why a well-formed block with this label is refused; `undefined` only for `CERTIFICATE`. */
export function labelRefusal(
  label: string,
): { readonly code: BlockRefusalCode; readonly reason: string } | undefined {
  if (label === 'CERTIFICATE') return undefined;
  if (label.includes('PRIVATE KEY')) return { code: 'MT011', reason: privateKeyReason };
  if (label === 'X509 CRL') {
    return {
      code: 'MT012',
      reason: 'a revocation list would enable revocation checks for every CA beside it; it is not served',
    };
  }
  if (label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE') {
    return {
      code: 'MT010',
      reason: `a block labelled ${label} is not served; convert it to CERTIFICATE (openssl x509)`,
    };
  }
  return { code: 'MT010', reason: `${describeLabel(label)} is not a certificate` };
}

/** Includes the remedy: the key must be replaced because it was exposed. */
export const privateKeyReason =
  'a private key does not belong in a trust bundle; remove it and replace the key';

/** Describes a label. Quotes it only if it is as short and simple as real labels. */
function describeLabel(label: string): string {
  return /^[A-Z0-9 ]{1,32}$/.test(label) ? `a block labelled ${label}` : 'a block with an unusual label';
}
