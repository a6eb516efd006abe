import type { Finding, Place } from '../findings/finding.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Why an anchor is sent in self-issued form: listed without an issuer that Envoy can use, or left without it. */
export type Rooting = 'as-listed' | 're-rooted' | 'promoted';

/** One certificate authority of a trust domain, as it is served. */
export interface ServedAnchor {
  /** The certificate as it was listed. */
  readonly certificate: Certificate;
  /** The DER that proxies get: the certificate's own, or its self-issued form. */
  readonly der: Uint8Array;
  readonly rooting: Rooting;
  /** The resources that list it, sorted. */
  readonly listedBy: readonly Identity[];
  /** Where the first of them lists it. */
  readonly place: Place;
}

/** All that is trusted in one trust domain of one mesh: anchors unique by fingerprint, in its order. */
export interface TrustBundle {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** Can be empty: then nobody of this trust domain is let in. */
  readonly anchors: readonly ServedAnchor[];
  /** Bytes that the distinct subject names of the anchors take in a CertificateRequest (RFC 5246, 7.4.4). */
  readonly caNamesSize: number;
  /** Certificates that are listed and not served because they are distrusted. */
  readonly distrusted: readonly Certificate[];
  readonly findings: readonly Finding[];
  /** Epoch milliseconds at which the bundle must be built again because a date passes; undefined if never. */
  readonly nextChange: number | undefined;
}

/** Operator's decisions that apply to every bundle. */
export interface BundlePolicy {
  /** Whether the SHA-256 (lower-case hex) of a certificate or of a public key (SPKI) is never served in any form. */
  readonly distrusted: { has(hash: string): boolean };
  /** Refuse an anchor whose issuer is not an anchor as well, instead of re-rooting it. */
  readonly refuseIntermediates: boolean;
}

/** Whether the operator distrusts a certificate or its key, in either encoding of the key. */
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
