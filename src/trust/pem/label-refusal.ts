import type { BlockRefusalCode } from '../findings/catalogue.ts';

/** Why a well-formed block of this label is not read as a certificate; `undefined` for `CERTIFICATE` alone. */
export function labelRefusal(
  label: string,
): { readonly code: BlockRefusalCode; readonly reason: string } | undefined {
  if (label === 'CERTIFICATE') return undefined;
  if (label.includes('PRIVATE KEY')) return { code: 'MT011', reason: privateKeyReason };
  if (label === 'X509 CRL') {
    return {
      code: 'MT012',
      reason: 'a revocation list switches on revocation checks for every CA beside it; it is not sent',
    };
  }
  if (label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE') {
    return { code: 'MT010', reason: `a ${label} block is not sent; write it as CERTIFICATE (openssl x509)` };
  }
  return { code: 'MT010', reason: `${describeLabel(label)} is not a certificate` };
}

/** Says what to do about it too: the key has been where it must not be. */
export const privateKeyReason =
  'a private key does not belong in a trust bundle; remove it and replace the key';

/** A label in words, quoted only when it is as short and plain as real ones are. */
function describeLabel(label: string): string {
  return /^[A-Z0-9 ]{1,32}$/.test(label) ? `a block labelled ${label}` : 'a block with an unusual label';
}
