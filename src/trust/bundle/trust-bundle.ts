import type { Finding, Place } from '../findings/finding.ts';
import type { Origin } from '../ledger/path-origin.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { TimeSpan } from './time-span.ts';

/**
 * How an anchor is served. `as-listed`: byte for byte. `re-rooted`: in self-issued form, because no issuer that Envoy
 * can use is listed. `promoted`: in self-issued form, because its issuer was removed while the anchor was served.
 */
export type Rooting = 'as-listed' | 're-rooted' | 'promoted';

/** One served CA of a trust domain. */
export interface ServedAnchor {
  /** The certificate as it was listed. */
  readonly certificate: Certificate;
  /** The DER that proxies receive: the listed certificate, or its self-issued form. */
  readonly der: Uint8Array;
  readonly rooting: Rooting;
  /** The resources that list it, sorted. */
  readonly listedBy: readonly Identity[];
  /** The place at which the first of these resources lists it. */
  readonly place: Place;
  /** Who vouches for the CA: this zone, if any resource of it lists a certificate with this subject and key. */
  readonly origin: Origin;
}

/**
 * The trust bundle of one trust domain in one mesh. Its anchors are unique and sorted by fingerprint. Outside of its
 * time span it must be rebuilt.
 */
export interface TrustBundle extends TimeSpan {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** May be empty: then every client of this trust domain is refused. */
  readonly anchors: readonly ServedAnchor[];
  /** Bytes that the distinct subject names of the anchors take in a CertificateRequest (RFC 5246, 7.4.4). */
  readonly caNamesSize: number;
  /** Listed certificates that are not served because they are distrusted. */
  readonly distrusted: readonly Certificate[];
  readonly findings: readonly Finding[];
}

/** The operator's decisions that apply to every bundle. */
export interface BundlePolicy {
  /** SHA-256 hashes (lower-case hex) of the certificates and public keys (SPKI) that are never served in any form. */
  readonly distrusted: { has(hash: string): boolean };
  /** Whether an intermediate whose issuer is not listed is refused instead of re-rooted. */
  readonly refuseIntermediates: boolean;
}

/** Returns whether the operator distrusts a certificate or its key, in either encoding of the key. */
export function isDistrusted(
  { fingerprint, keyHash, compressedKeyHash }: Certificate,
  { distrusted }: Pick<BundlePolicy, 'distrusted'>,
): boolean {
  return (
    distrusted.has(fingerprint) ||
    distrusted.has(keyHash) ||
    (compressedKeyHash !== undefined && distrusted.has(compressedKeyHash))
  );
}
