import { origins } from '../ledger/path-origin.ts';
import type { Origin } from '../ledger/path-origin.ts';
import type { Certificate } from '../x509/certificate.ts';
import { canonicalNameKey } from '../x509/canonical-name.ts';
import { compareText } from '../../text/compare-text.ts';

/** The result of `chooseSameKeyCertificates`. */
export interface SameKeyChoice<T> {
  readonly chosen: readonly T[];
  readonly dropped: readonly { readonly item: T; readonly inFavourOf: Certificate }[];
  /** The dates on which the choice depends, in epoch milliseconds. */
  readonly dates: readonly number[];
}

/**
 * Keeps one certificate for each pair of subject and key. Subjects are compared as Envoy compares them. It prefers a
 * certificate that is valid now, then one of this zone, then a self-signed one, then the latest notAfter, then the
 * lowest fingerprint. Envoy 1.40 builds chains with the first such certificate only and refuses good leaves if it is
 * expired; 1.36 picks another. No key is lost by the choice.
 */
export function chooseSameKeyCertificates<
  T extends { readonly certificate: Certificate; readonly origin: Origin },
>(items: readonly T[], now: number): SameKeyChoice<T> {
  const groups = Map.groupBy(items, ({ certificate }) => nameAndKey(certificate));
  const chosen: T[] = [];
  const dropped: { item: T; inFavourOf: Certificate }[] = [];
  const dates: number[] = [];
  for (const group of groups.values()) {
    const [best, ...others] = group.toSorted(
      (a, b) => compareOrigin(a, b, now) || compareSameKey(a.certificate, b.certificate),
    );
    if (best === undefined) continue;
    chosen.push(best);
    for (const item of others) dropped.push({ item, inFavourOf: best.certificate });
    if (others.length === 0) continue;
    for (const { certificate } of group) dates.push(certificate.notBefore, expiresAt(certificate));
  }
  return { chosen, dropped, dates };
}

/** Returns whether Envoy considers a certificate valid at a time (epoch milliseconds). */
export function isValidAt(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now < expiresAt(certificate);
}

/**
 * Returns the first millisecond at which a certificate is expired. In RFC 5280 (section 4.1.2.5) the second of
 * notAfter is the last valid one. In BoringSSL, and so in Envoy, it is the first invalid one (tried with Envoy 1.36 and
 * 1.40).
 */
export function expiresAt(certificate: Certificate): number {
  return certificate.notAfter;
}

/** A peer that lists another certificate of a CA, with other constraints, must not replace that of this zone. */
function compareOrigin<T extends { readonly certificate: Certificate; readonly origin: Origin }>(
  a: T,
  b: T,
  now: number,
): number {
  return (
    Number(isValidAt(b.certificate, now)) - Number(isValidAt(a.certificate, now)) ||
    origins.indexOf(a.origin) - origins.indexOf(b.origin)
  );
}

function compareSameKey(a: Certificate, b: Certificate): number {
  return (
    Number(b.selfSigned) - Number(a.selfSigned) ||
    b.notAfter - a.notAfter ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

/** Returns a key of a CA: certificates that share it are one CA to Envoy. */
export function nameAndKey(certificate: Certificate): string {
  return `${certificate.keyHash} ${canonicalNameKey(certificate.subjectDer)}`;
}
