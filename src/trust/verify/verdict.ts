import type { Rooting } from '../bundle/trust-bundle.ts';

/** An anchor of a trust domain, as proxies get it. */
export interface TrustAnchor {
  /** SHA-256 of the certificate as it was listed, lower-case hex. */
  readonly fingerprint: string;
  readonly rooting: Rooting;
  /** What proxies get: the certificate as it was listed, or its self-issued form. */
  readonly der: Uint8Array;
}

/** What is trusted in one trust domain; the order of the anchors decides where several would do. */
export interface TrustedDomain {
  readonly name: string;
  readonly anchors: readonly TrustAnchor[];
}

/** What a client shows, and whom it shows it to. */
export interface VerifyInput {
  /** DER of the client's own certificate. */
  readonly leaf: Uint8Array;
  /** DER of what it sends after that, in its order. */
  readonly chain: readonly Uint8Array[];
  readonly domains: readonly TrustedDomain[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Why Envoy would not let a leaf in, in the order in which it looks. */
export const refusalCodes = [
  'unreadable',
  'invalid-extension',
  'leaf-key-unusable',
  'leaf-cannot-authenticate',
  'leaf-is-ca',
  'leaf-can-sign',
  'no-spiffe-id',
  'unknown-trust-domain',
  'no-path',
  'unknown-critical-extension',
  'intermediate-not-ca',
  'path-too-long',
  'bad-signature',
  'signature-unsupported',
  'anchor-not-yet-valid',
  'anchor-expired',
  'intermediate-not-yet-valid',
  'intermediate-expired',
  'leaf-not-yet-valid',
  'leaf-expired',
  'name-not-permitted',
  'name-excluded',
  'name-unreadable',
  'constraint-unsupported',
  'too-many-names',
  'invalid-policy',
  'no-explicit-policy',
] as const;

export type RefusalCode = (typeof refusalCodes)[number];

/** A certificate of a path: sent by the client, or listed in the trust domain. */
export interface PathStep {
  readonly role: 'leaf' | 'intermediate' | 'anchor';
  readonly subject: string;
  readonly issuer: string;
  /** Of the certificate as it was sent or listed. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Of anchors alone. */
  readonly rooting?: Rooting;
}

/** What another version of Envoy decides where it decides otherwise. */
export type OtherVerdict =
  | { readonly envoy: '1.36'; readonly kind: 'admitted' }
  | ({ readonly envoy: '1.36'; readonly kind: 'refused' } & Objection);

/**
 * Whether Envoy 1.40 would let a leaf in. `other` is there where Envoy 1.36 decides otherwise, by its own rules for
 * name constraints. `contested` has the subjects of the path of which several anchors may be
 * the issuer, by name and key identifier: Envoy takes the first of them and tries no other. Envoy 1.36 has another
 * order, so that its decision can be another one there, and only there.
 */
export type Verdict = Admitted | Refused;

export interface Admitted {
  readonly kind: 'admitted';
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** Fingerprint of the anchor at which the path ends, as it was listed. */
  readonly anchor: string;
  /** From the leaf to the anchor. */
  readonly path: readonly PathStep[];
  readonly contested: readonly string[];
  readonly other?: OtherVerdict;
}

export interface Refused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** For people; names certificates by their subjects. */
  readonly sentence: string;
  /** The first URI of the leaf, where it is a SPIFFE ID. */
  readonly spiffeId: string | undefined;
  readonly trustDomain: string | undefined;
  /** As far as it could be built. */
  readonly path: readonly PathStep[];
  readonly contested: readonly string[];
  readonly other?: OtherVerdict;
}

/** A reason to refuse, without what is known of the leaf. */
export interface Objection {
  readonly code: RefusalCode;
  readonly sentence: string;
}
