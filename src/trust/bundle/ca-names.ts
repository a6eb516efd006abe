import type { Certificate } from '../x509/certificate.ts';
import type { ServedAnchor, TrustBundle } from './trust-bundle.ts';

/**
 * The limit on the subject names of all CAs in one secret, in bytes. Envoy sends these names in each handshake. Above
 * about 65,000 bytes it acknowledges the secret and then fails every handshake.
 */
export const caNamesLimit = 60_000;

const nameKeys = new WeakMap<Uint8Array, string>();

/** The number of uses of each subject name, and the bytes that the distinct names take. */
export interface NameCount {
  readonly uses: Map<string, number>;
  size: number;
}

/** Returns the bytes that the distinct subject names of the anchors take in a CertificateRequest (RFC 5246, 7.4.4). */
export function caNamesSize(anchors: readonly ServedAnchor[]): number {
  return countNames([{ anchors }]).size;
}

/** Counts the subject names of all anchors of the bundles. */
export function countNames(bundles: readonly Pick<TrustBundle, 'anchors'>[]): NameCount {
  const count: NameCount = { uses: new Map(), size: 0 };
  for (const { anchors } of bundles) addNames(count, anchors);
  return count;
}

/** Adds the names of the anchors to a count. */
export function addNames(count: NameCount, anchors: readonly ServedAnchor[]): void {
  for (const { certificate } of anchors) {
    const name = nameKey(certificate.subjectDer);
    const uses = count.uses.get(name) ?? 0;
    if (uses === 0) count.size += name.length + 2;
    count.uses.set(name, uses + 1);
  }
}

/** Removes the names of the anchors from a count that includes them. */
export function removeNames(count: NameCount, anchors: readonly ServedAnchor[]): void {
  for (const { certificate } of anchors) {
    const name = nameKey(certificate.subjectDer);
    const uses = count.uses.get(name) ?? 0;
    if (uses === 1) count.size -= name.length + 2;
    count.uses.set(name, uses - 1);
  }
}

/** Returns the subject as it is encoded and the key: certificates that share them take the same bytes in handshakes. */
export function encodedNameAndKey({ keyHash, subjectDer }: Certificate): string {
  return `${keyHash} ${nameKey(subjectDer)}`;
}

/**
 * Returns an encoded Name as a string with one character per byte. It counts the bytes that are sent in handshakes;
 * names are compared with `isSameEncodedName`.
 */
function nameKey(name: Uint8Array): string {
  let key = nameKeys.get(name);
  if (key === undefined) nameKeys.set(name, (key = Buffer.from(name).toString('latin1')));
  return key;
}
