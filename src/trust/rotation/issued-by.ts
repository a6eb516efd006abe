import type { ServedCa } from './facts.ts';

/**
 * Returns whether a served CA certificate is, or may be, signed by another one. If its server does not say who signed
 * it, the names decide: an equal name may be of another CA, so this finds too many and never too few.
 */
export function mayBeIssuedBy(
  { issuedBy, issuer, subject, fingerprint }: ServedCa,
  by: Pick<ServedCa, 'fingerprint' | 'subject'>,
): boolean {
  if (fingerprint === by.fingerprint) return false;
  if (issuedBy !== undefined) return issuedBy.includes(by.fingerprint);
  return issuer === by.subject && subject !== issuer;
}
