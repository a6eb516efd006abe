import type { Rooting } from '../bundle/trust-bundle.ts';

/** An anchor of a trust domain, as proxies receive it. */
export interface ServedAnchor {
  /** SHA-256 of the certificate as it was listed, lower-case hex. */
  readonly fingerprint: string;
  readonly rooting: Rooting;
  /** The DER that proxies receive: the listed certificate, or its self-issued form. */
  readonly der: Uint8Array;
}

/** The anchors of one trust domain. Their order decides if several match. */
export interface TrustedDomain {
  readonly name: string;
  readonly anchors: readonly ServedAnchor[];
}

/** The certificates of a client, and the trust of the proxy that verifies them. */
export interface VerifyInput {
  /** DER of the client's certificate. */
  readonly leaf: Uint8Array;
  /** DER of the certificates that the client sends after its leaf, in order. */
  readonly chain: readonly Uint8Array[];
  readonly domains: readonly TrustedDomain[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /**
   * True to leave out `other` and `uncertain`, which need further paths and signatures. A server that decides about
   * clients needs only the decision, and must not do several times the work for each stranger.
   */
  readonly isDecisionOnly?: boolean | undefined;
}

/** The reasons for which Envoy refuses a leaf, in the order of its checks. */
export const refusalCodes = [
  'message-too-long',
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

/** The stable code of a reason to refuse a leaf. */
export type RefusalCode = (typeof refusalCodes)[number];

/** A certificate of a path, sent by the client or listed in the trust domain. */
export interface PathStep {
  readonly role: 'leaf' | 'intermediate' | 'anchor';
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256 of the certificate as it was sent or listed, lower-case hex. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Only for anchors. */
  readonly rooting?: Rooting;
}

/** The decision of another version of Envoy, if it differs. */
export type OtherVerdict =
  | { readonly envoy: '1.36'; readonly kind: 'admitted' }
  | ({ readonly envoy: '1.36'; readonly kind: 'refused' } & RefusalReason);

/**
 * The decision of Envoy 1.40 about a leaf. `other` is present if Envoy 1.36 decides differently, because of its rules
 * for name constraints or because it does not know ML-DSA. `contested` has the subjects on the path with several
 * possible issuers among the anchors, by name and key identifier. Envoy uses the first of these anchors and tries no
 * other. Envoy 1.36 has another order, so its decision may differ there, and only there. `uncertain`: the trust domain
 * has more than 24 anchors, so the choice of Envoy 1.40 cannot be predicted either, and not all of them lead to the
 * decision.
 */
export type Verdict = Admitted | Refused;

/** The verdict on a client that Envoy 1.40 accepts. */
interface Admitted {
  readonly kind: 'admitted';
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** The fingerprint of the anchor at the end of the path, as it was listed. */
  readonly anchor: string;
  /** The path from the leaf to the anchor. */
  readonly path: readonly PathStep[];
  readonly contested: readonly string[];
  readonly other?: OtherVerdict;
  readonly uncertain?: true;
}

/** The verdict on a client that Envoy 1.40 refuses, with the first reason. */
export interface Refused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** A sentence that names certificates by their subjects. */
  readonly sentence: string;
  /** The first URI of the leaf, if it is a SPIFFE ID. */
  readonly spiffeId: string | undefined;
  readonly trustDomain: string | undefined;
  /** The path as far as it could be built. */
  readonly path: readonly PathStep[];
  readonly contested: readonly string[];
  readonly other?: OtherVerdict;
  readonly uncertain?: true;
}

/** A reason to refuse a leaf. */
export interface RefusalReason {
  readonly code: RefusalCode;
  readonly sentence: string;
}
