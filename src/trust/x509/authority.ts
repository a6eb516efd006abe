import type { Certificate } from './certificate.ts';

/** What the authority key identifier of one certificate and the fields of another are compared by. */
type Child = Pick<Certificate, 'authorityKeyId' | 'authoritySerial' | 'authorityIssuerDer'>;
type Issuer = Pick<Certificate, 'subjectKeyId' | 'serial' | 'issuerDer'>;

/**
 * Whether the authority key identifier of `child` can mean `issuer` (RFC 5280, section 4.2.1.1). What it leaves
 * out, or the issuer does not have, contradicts nothing. Where it contradicts, Envoy builds no chain, even under
 * the right name and key: tried with 1.36 and 1.40.
 */
export function canBeAuthority(child: Child, issuer: Issuer): boolean {
  const { authorityKeyId, authoritySerial, authorityIssuerDer } = child;
  return (
    (authorityKeyId === undefined ||
      issuer.subjectKeyId === undefined ||
      authorityKeyId === issuer.subjectKeyId) &&
    (authoritySerial === undefined || authoritySerial === issuer.serial) &&
    (authorityIssuerDer === undefined || Buffer.compare(authorityIssuerDer, issuer.issuerDer) === 0)
  );
}
