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
}

export interface AnchorCertificate {
  /** SHA-256 of the listed certificate, lower-case hex. Other responses use the same identifier. */
  readonly fingerprint: string;
  /** If it is not `as-listed`, `pem` is the self-issued form, which has another fingerprint. */
  readonly rooting: Rooting;
  /** The certificate that proxies get: canonical PEM, with a line feed at its end. */
  readonly pem: string;
}
