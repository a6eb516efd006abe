import type { Rooting } from '../trust/bundle/trust-bundle.ts';

/**
 * `GET /api/v1/meshes/{mesh}/certificates`: the certificates that proxies of the mesh get. A response of
 * its own, because it is many times larger than everything else about a mesh. New releases only add fields.
 */
export interface MeshCertificates {
  readonly name: string;
  /** Version of the mesh, as in `GET /api/v1/meshes/{mesh}`. */
  readonly version: string;
  /** Trust domains by name. An empty list refuses every client. */
  readonly trustDomains: readonly TrustDomainCertificates[];
}

export interface TrustDomainCertificates {
  readonly name: string;
  readonly anchors: readonly AnchorCertificate[];
  /**
   * Fingerprints of the certificates that the secret of all trust domains contains. Absent if it contains all of
   * them, which is so as long as everything fits into it.
   */
  readonly inJointSecret?: readonly string[] | undefined;
  /**
   * These certificates in the form and the order of that secret. The form can differ from `anchors`: an intermediate
   * is self-issued in a secret that does not contain its issuer.
   */
  readonly jointAnchors?: readonly AnchorCertificate[] | undefined;
}

export interface AnchorCertificate {
  /** SHA-256 of the listed certificate, lower-case hex. Other responses use the same identifier. */
  readonly fingerprint: string;
  /** If it is not `as-listed`, `pem` is the self-issued form, which has another fingerprint. */
  readonly rooting: Rooting;
  /** The certificate that proxies get: canonical PEM, with a line feed at its end. */
  readonly pem: string;
  /** Who vouches for the CA: another zone, or a peer. Absent if this zone lists it. */
  readonly origin?: 'imported' | 'federated' | undefined;
}

/** `GET /api/v1/certificates`: CA certificates of all meshes, by expiry. New releases only add fields. */
export interface CertificateList {
  readonly certificates: readonly CertificateSummary[];
  /** Number of certificates that match. */
  readonly total: number;
}

export interface CertificateSummary {
  /** SHA-256 of the listed certificate. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly keyAlgorithm: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Where it is trusted, by mesh and trust domain. */
  readonly places: readonly CertificatePlace[];
}

export interface CertificatePlace {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly rooting: Rooting;
  /** The resources that list it, as `mesh/namespace/name`. */
  readonly resources: readonly string[];
}

/** `GET /api/v1/certificates/{fingerprint}`. */
export interface CertificateDetail extends CertificateSummary {
  readonly issuer: string;
  readonly keyHash: string;
  readonly compressedKeyHash?: string | undefined;
  /** The listed certificate. Proxies get another form where `rooting` is not `as-listed`. */
  readonly pem: string;
}
