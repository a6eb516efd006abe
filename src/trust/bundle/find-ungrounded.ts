import { formatDate } from '../findings/finding.ts';
import type { Certificate } from '../x509/certificate.ts';
import { expiresAt, isValidAt } from './same-key-certificates.ts';
import { describeCa } from './describe-ca.ts';
import { findIssuers } from '../x509/find-issuers.ts';
import type { IssuerSearch } from '../x509/find-issuers.ts';

/** Why a certificate has no chain to a self-signed one. */
export interface Ungrounded {
  /** Why Envoy cannot use the listed issuer; `undefined` if the issuer is not listed. */
  readonly unusable: string | undefined;
}

/** The result of `findUngrounded`. */
export interface Grounding {
  /** The certificates that have no chain inside the set to a self-signed certificate. */
  readonly ungrounded: ReadonlyMap<Certificate, Ungrounded>;
  /** The certificates of the set that are known to have signed each certificate that is not self-signed. */
  readonly issuers: ReadonlyMap<Certificate, readonly Certificate[]>;
  /** The dates at which issuers become valid and expire, in epoch milliseconds. */
  readonly dates: readonly number[];
}

/**
 * Finds the ungrounded certificates of a set. A certificate is grounded if a chain inside the set leads from it to a
 * self-signed certificate, over links that Envoy 1.36 and 1.40 both use at `now` (epoch milliseconds). Envoy's SPIFFE
 * validator accepts no chain that ends elsewhere and tries no second chain. If an ungrounded certificate were served as
 * listed, Envoy would silently refuse every client below it. An orphan (a certificate without a usable issuer) grounds
 * the certificates that it signed. In a ring of certificates that signed each other, all are ungrounded.
 */
export function findUngrounded(certificates: readonly Certificate[], now: number): Grounding {
  const searches = findIssuers(certificates);
  const orphans = new Map<Certificate, Ungrounded>();
  const children = new Map<Certificate, Certificate[]>();
  const roots: Certificate[] = [];
  const dates: number[] = [];
  for (const certificate of certificates) {
    const search = searches.get(certificate);
    if (search === undefined) {
      roots.push(certificate);
      continue;
    }
    const { issuers = [] } = search;
    for (const issuer of issuers) dates.push(issuer.notBefore, expiresAt(issuer));
    const unusable = unusableReason(certificate, search, now);
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
  // Iteration over a Set includes the elements that are added during it, so this walks down from the roots.
  for (const certificate of grounded)
    for (const child of children.get(certificate) ?? []) grounded.add(child);
  const ringed = certificates.filter((certificate) => !grounded.has(certificate));
  return {
    ungrounded: new Map([
      ...orphans,
      ...ringed.map((certificate) => [certificate, { unusable: undefined }] as const),
    ]),
    issuers: new Map([...searches].map(([certificate, { issuers = [] }]) => [certificate, issuers])),
    dates,
  };
}

/**
 * Returns why Envoy cannot use the listed issuer, or `undefined` if it can or if no issuer is listed. Envoy picks one
 * candidate, which one depends on its version, and tries no other.
 */
function unusableReason(
  certificate: Certificate,
  { candidates, issuers }: IssuerSearch,
  now: number,
): string | undefined {
  if (candidates.length > 0 && !certificate.signatureSupported) {
    return 'the intermediate is signed with an algorithm, or parameters of it, that Envoy does not verify';
  }
  // Whether one of them signed it or none, Envoy may pick a wrong one: it is the issuer of at most one of them.
  if (issuers === undefined) {
    return 'too many CAs of the trust domain have the name of an issuer, no key identifier tells them apart, and which of them signed the intermediate is not verified';
  }
  if (issuers.length === 0) return undefined;
  if (certificate.demandsPolicy) {
    return 'the intermediate demands a certificate policy of its clients, or has an invalid extension about policies';
  }
  const invalid = issuers.find((issuer) => !isValidAt(issuer, now));
  if (invalid === undefined) {
    const namesake = candidates.find((candidate) => !issuers.includes(candidate));
    return (
      namesake &&
      `certificate ${namesake.fingerprint.slice(0, 16)} has the name of the issuer and another key, no key identifier tells the two apart, and Envoy may pick the wrong one`
    );
  }
  return expiresAt(invalid) <= now
    ? `${describeCa(invalid)} expired on ${formatDate(invalid.notAfter)}`
    : `${describeCa(invalid)} is not valid before ${formatDate(invalid.notBefore)}`;
}
