import { canBeAuthority } from '../x509/authority.ts';
import type { Certificate } from '../x509/certificate.ts';
import { signedBy } from '../x509/signed-by.ts';
import { expiresAt, isValidAt } from './same-key-certificates.ts';
import { describeCa } from './describe-ca.ts';
import { nameKey } from './name-key.ts';

export interface Grounding {
  /**
   * The certificates that no path inside the set leads from to a self-signed one. `unusable` says why Envoy cannot use
   * the issuer although it is listed; `undefined` if it is not listed.
   */
  readonly ungrounded: ReadonlyMap<Certificate, { readonly unusable: string | undefined }>;
  /** Epoch milliseconds of the next date at which an issuer begins or ends to be valid. */
  readonly nextChange: number | undefined;
}

/**
 * Finds the certificates from which no chain inside the set leads to a self-signed one by links that Envoy 1.36 and
 * 1.40 both use at a time (epoch milliseconds). Envoy's SPIFFE validator accepts no chain that ends elsewhere, and
 * tries no second one, so with them as they are it would silently refuse every client. Those that another one of the
 * set has signed are grounded by it; in a ring of cross-signed ones all are returned.
 */
export function findUngrounded(certificates: readonly Certificate[], now: number): Grounding {
  const bySubject = Map.groupBy(certificates, (certificate) => nameKey(certificate.subjectDer));
  const orphans = new Map<Certificate, { readonly unusable: string | undefined }>();
  const children = new Map<Certificate, Certificate[]>();
  const roots: Certificate[] = [];
  let nextChange: number | undefined;
  for (const certificate of certificates) {
    if (certificate.selfSigned) {
      roots.push(certificate);
      continue;
    }
    const namesakes = bySubject.get(nameKey(certificate.issuerDer)) ?? [];
    const candidates = namesakes.filter(
      (candidate) => candidate !== certificate && canBeAuthority(certificate, candidate),
    );
    const issuers = candidates.filter((candidate) => signedBy(certificate, candidate));
    for (const { notBefore, notAfter } of issuers) {
      for (const at of [notBefore, notAfter]) {
        if (at > now && (nextChange === undefined || at < nextChange)) nextChange = at;
      }
    }
    const unusable = whyUnusable(certificate, candidates, issuers, now);
    if (issuers.length === 0 || unusable !== undefined) {
      orphans.set(certificate, { unusable });
      roots.push(certificate);
      continue;
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
  const ringed = certificates.filter((certificate) => !grounded.has(certificate));
  return {
    ungrounded: new Map([
      ...orphans,
      ...ringed.map((certificate) => [certificate, { unusable: undefined }] as const),
    ]),
    nextChange,
  };
}

/**
 * Why Envoy cannot use an issuer that is listed. `candidates` are those that Envoy can take for the issuer, by name
 * and key identifier, and `issuers` those of them that signed. Envoy takes one candidate, which depends on its
 * version, and tries no other.
 */
function whyUnusable(
  certificate: Certificate,
  candidates: readonly Certificate[],
  issuers: readonly Certificate[],
  now: number,
): string | undefined {
  if (candidates.length > 0 && !certificate.signatureSupported) {
    return 'the intermediate is signed with an algorithm, or parameters of it, that Envoy does not verify';
  }
  if (issuers.length === 0) return undefined;
  if (certificate.demandsPolicy) {
    return 'the intermediate demands a certificate policy of its clients, or has an invalid extension about policies';
  }
  const invalid = issuers.find((issuer) => !isValidAt(issuer, now));
  if (invalid === undefined) return undefined;
  return expiresAt(invalid) <= now
    ? `${describeCa(invalid)} expired on ${dateOf(invalid.notAfter)}`
    : `${describeCa(invalid)} is not valid before ${dateOf(invalid.notBefore)}`;
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
