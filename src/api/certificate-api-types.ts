import type { Rooting } from '../trust/bundle/trust-bundle.ts';

/**
 * `GET /api/v1/meshes/{mesh}/certificates`: what proxies of the mesh are given to trust, as certificates. An
 * answer of its own, since it is many times larger than everything else about a mesh. Fields are only ever added.
 */
export interface MeshCertificates {
  readonly name: string;
  /** Version of the mesh, as `GET /api/v1/meshes/{mesh}` has it. */
  readonly version: string;
  /** By name; without one, every client is refused. */
  readonly trustDomains: readonly TrustDomainCertificates[];
}

export interface TrustDomainCertificates {
  readonly name: string;
  readonly anchors: readonly AnchorCertificate[];
  /**
   * Fingerprints of those that are in the secret of all trust domains too; absent where all of them are, as
   * long as everything fits into it.
   */
  readonly inJointSecret?: readonly string[] | undefined;
}

export interface AnchorCertificate {
  /** SHA-256 of the certificate as it was listed, lower-case hex: what the other answers know it by. */
  readonly fingerprint: string;
  /** Anything but `as-listed`: `pem` is its self-issued form, and has another fingerprint. */
  readonly rooting: Rooting;
  /** The certificate that proxies get: canonical PEM, with a line feed at its end. */
  readonly pem: string;
}
