import type { Certificate } from '../x509/certificate.ts';
import { signedBy } from '../x509/signed-by.ts';
import { nameKey } from './name-key.ts';

/**
 * The certificates from which no chain inside the set leads to a self-signed one. Envoy's SPIFFE validator
 * accepts no chain that ends elsewhere, so with them as they are it would silently refuse every client.
 * Those that another one of the set has signed are grounded by it; in a ring of cross-signed ones all are
 * returned.
 */
export function findUngrounded(certificates: readonly Certificate[]): ReadonlySet<Certificate> {
  const bySubject = Map.groupBy(certificates, (certificate) => nameKey(certificate.subjectDer));
  const orphans = new Set<Certificate>();
  const children = new Map<Certificate, Certificate[]>();
  const roots: Certificate[] = [];
  for (const certificate of certificates) {
    if (certificate.selfSigned) {
      roots.push(certificate);
      continue;
    }
    const candidates = bySubject.get(nameKey(certificate.issuerDer)) ?? [];
    const issuers = candidates.filter(
      (candidate) => candidate !== certificate && signedBy(certificate, candidate),
    );
    if (issuers.length === 0) {
      orphans.add(certificate);
      roots.push(certificate);
    }
    for (const issuer of issuers) {
      const siblings = children.get(issuer);
      if (siblings === undefined) children.set(issuer, [certificate]);
      else siblings.push(certificate);
    }
  }
  const grounded = new Set(roots);
  // A Set iterates over what is added to it on the way: this walks down from the roots.
  for (const certificate of grounded)
    for (const child of children.get(certificate) ?? []) grounded.add(child);
  return new Set(
    certificates.filter((certificate) => orphans.has(certificate) || !grounded.has(certificate)),
  );
}
