import { nameKey } from './name-key.ts';
import type { ServedAnchor, TrustBundle } from './trust-bundle.ts';

/**
 * The most that the names of all authorities of one secret may take, in bytes. Envoy lists them in each
 * handshake; above about 65,000 it acknowledges the secret and then fails every handshake.
 */
export const caNamesLimit = 60_000;

/** How often each subject name occurs, and what the distinct ones take. */
export interface NameCount {
  readonly uses: Map<string, number>;
  size: number;
}

/** Bytes that the distinct subject names of some anchors take in a CertificateRequest (RFC 5246, 7.4.4). */
export function caNamesSize(anchors: readonly ServedAnchor[]): number {
  return countNames([{ anchors }]).size;
}

/** Counts the subject names of all anchors of some bundles. */
export function countNames(bundles: readonly Pick<TrustBundle, 'anchors'>[]): NameCount {
  const count: NameCount = { uses: new Map(), size: 0 };
  for (const { anchors } of bundles) {
    for (const { certificate } of anchors) {
      const name = nameKey(certificate.subjectDer);
      const uses = count.uses.get(name) ?? 0;
      if (uses === 0) count.size += name.length + 2;
      count.uses.set(name, uses + 1);
    }
  }
  return count;
}

/** Takes the names of some anchors out of a count that they are in. */
export function forgetNames(count: NameCount, anchors: readonly ServedAnchor[]): void {
  for (const { certificate } of anchors) {
    const name = nameKey(certificate.subjectDer);
    const uses = count.uses.get(name) ?? 0;
    if (uses === 1) count.size -= name.length + 2;
    count.uses.set(name, uses - 1);
  }
}
