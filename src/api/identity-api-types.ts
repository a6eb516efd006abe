/**
 * `GET /api/v1/identities`: the MeshIdentities and the CA certificates that follow from them. New releases only add
 * fields.
 */
export interface IdentityList {
  /** True if the server reads MeshIdentities (`--identities`). */
  readonly read: boolean;
  readonly identities: readonly IdentityDetail[];
}

/** One MeshIdentity. */
export interface IdentityDetail {
  readonly mesh: string;
  /** Empty in the Universal form. */
  readonly namespace: string;
  readonly name: string;
  /** The file or object in which it is, or was. */
  readonly path: string;
  /** Kuma's identifier of the resource; absent if the resource cannot be read. */
  readonly kri?: string | undefined;
  /**
   * `trust`: MeshTrusts are derived from it. `none`: no MeshTrust follows from it. `keep`: nothing can be derived from
   * its newest version, so the MeshTrusts of the version before stay. `invalid`: its newest version cannot be read.
   * `gone`: it was removed.
   */
  readonly state: 'trust' | 'none' | 'keep' | 'invalid' | 'gone';
  readonly trustDomains: readonly IdentityTrustDomain[];
  /** The CA certificates that it no longer has, and that stay trusted while their leaves can be valid. */
  readonly superseded: readonly SupersededCertificate[];
}

/** A trust domain of a MeshIdentity. */
interface IdentityTrustDomain {
  readonly name: string;
  readonly certificates: readonly IdentityCertificate[];
}

export interface IdentityCertificate {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly subject: string;
}

export interface SupersededCertificate extends IdentityCertificate {
  readonly trustDomain: string;
  /** When the trust in it ends (RFC 3339); absent if it has no end. */
  readonly until?: string | undefined;
}

/** `POST /api/v1/identities/release`: the number of superseded CA certificates that are no longer trusted. */
export interface IdentityRelease {
  readonly released: number;
}
