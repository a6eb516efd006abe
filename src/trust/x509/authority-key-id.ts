import type { Certificate } from './certificate.ts';
import { isSameEncodedName } from './canonical-name.ts';

/** The authority key identifier of one certificate, and the fields of another that it is compared with. */
type Child = Pick<Certificate, 'authorityKeyId' | 'authoritySerial' | 'authorityIssuerDer'>;
type Issuer = Pick<Certificate, 'subjectKeyId' | 'serial' | 'issuerDer'>;

/**
 * Returns whether the authority key identifier of `child` matches `issuer` (RFC 5280, section 4.2.1.1). A part that the
 * identifier or the issuer lacks is no conflict. On a conflict, Envoy builds no chain even if name and key match: tried
 * with 1.36 and 1.40.
 */
export function matchesAuthorityKeyId(child: Child, issuer: Issuer): boolean {
  const { authorityKeyId, authoritySerial, authorityIssuerDer } = child;
  return (
    (authorityKeyId === undefined ||
      issuer.subjectKeyId === undefined ||
      authorityKeyId === issuer.subjectKeyId) &&
    (authoritySerial === undefined || authoritySerial === issuer.serial) &&
    (authorityIssuerDer === undefined || isSameEncodedName(authorityIssuerDer, issuer.issuerDer))
  );
}
