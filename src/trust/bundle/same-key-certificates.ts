import type { Certificate } from '../x509/certificate.ts';
import { nameKey } from './name-key.ts';

export interface SameKeyChoice<T> {
  readonly chosen: readonly T[];
  readonly left: readonly { readonly item: T; readonly inFavourOf: Certificate }[];
  /** Epoch milliseconds of the next date at which another twin may be the better one. */
  readonly nextChange: number | undefined;
}

/**
 * Of anchors with one subject and one key, keeps one: valid now, then self-signed, then the latest
 * notAfter, then the lowest fingerprint. Envoy 1.40 builds chains with the first of such twins alone and
 * refuses good leaves if that one is expired; 1.36 picks another. No key is lost by the choice.
 */
export function chooseSameKeyCertificates<T extends { readonly certificate: Certificate }>(
  items: readonly T[],
  now: number,
): SameKeyChoice<T> {
  const groups = Map.groupBy(items, ({ certificate }) => nameAndKey(certificate));
  const chosen: T[] = [];
  const left: { item: T; inFavourOf: Certificate }[] = [];
  let nextChange: number | undefined;
  for (const group of groups.values()) {
    const [best, ...others] = group.toSorted((a, b) => compareSameKey(a.certificate, b.certificate, now));
    if (best === undefined) continue;
    chosen.push(best);
    for (const item of others) left.push({ item, inFavourOf: best.certificate });
    if (others.length === 0) continue;
    for (const { certificate } of group) {
      for (const at of [certificate.notBefore, expiresAt(certificate)]) {
        if (at > now && (nextChange === undefined || at < nextChange)) nextChange = at;
      }
    }
  }
  return { chosen, left, nextChange };
}

/** Whether Envoy takes a certificate as valid at a time (epoch milliseconds). */
export function isValidAt(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now < expiresAt(certificate);
}

/**
 * The first millisecond at which a certificate is expired. By RFC 5280 (4.1.2.5) the second that notAfter names is
 * the last that is valid; to BoringSSL, and so to Envoy, it is the first that is not (tried with 1.36 and 1.40).
 */
export function expiresAt(certificate: Certificate): number {
  return certificate.notAfter;
}

function compareSameKey(a: Certificate, b: Certificate, now: number): number {
  return (
    Number(isValidAt(b, now)) - Number(isValidAt(a, now)) ||
    Number(b.selfSigned) - Number(a.selfSigned) ||
    b.notAfter - a.notAfter ||
    (a.fingerprint < b.fingerprint ? -1 : 1)
  );
}

function nameAndKey(certificate: Certificate): string {
  return `${certificate.keyHash} ${nameKey(certificate.subjectDer)}`;
}
