import type { FindingCode, Severity } from '../trust/findings/catalogue.ts';
import type { Rooting } from '../trust/bundle/trust-bundle.ts';

/*
 * The responses of the admin API, as JSON. Times are RFC 3339 in UTC with seconds, hashes are lower-case hex, and
 * unknown fields are absent. New releases only add fields.
 */

/** `GET /api/v1/meshes`: every mesh for which a resource was ever listed, by name. */
export interface MeshList {
  readonly meshes: readonly MeshSummary[];
  /**
   * Meshes of connected proxies for which no resource was ever listed: at most 20, the most proxies first. The proxies
   * refuse every client. Empty until the server is ready: before, any mesh may be listed.
   */
  readonly unlisted: readonly UnlistedMesh[];
}

export interface UnlistedMesh {
  /** The name that the proxies give, which may be any text. */
  readonly name: string;
  /** Number of connected proxies. */
  readonly proxies: number;
}

export interface MeshSummary {
  readonly name: string;
  /** Hash over all secrets of the mesh. Proxies show it as `version_text`. */
  readonly version: string;
  /** No trust domain is left: every client is refused. */
  readonly denyAll: boolean;
  /** Number of connected proxies. */
  readonly proxies: number;
  readonly trustDomains: number;
  readonly anchors: number;
  /** The earliest `notAfter` of all anchors. */
  readonly earliestExpiry?: string | undefined;
  readonly findings: FindingCounts;
}

/**
 * `GET /api/v1/meshes/{mesh}`. A mesh for which no resource was ever listed is `unknown-mesh` (404). Its proxies
 * are served deny-all, as in every mesh without trust.
 */
export interface MeshDetail extends Omit<MeshSummary, 'trustDomains' | 'anchors' | 'findings'> {
  readonly trustDomains: readonly TrustDomainDetail[];
  /** Trust domains that the mass-loss guard holds: still served, although no resource lists them any more. */
  readonly held: readonly HeldTrustDomain[];
  readonly secrets: readonly SecretDetail[];
  readonly findings: readonly FindingDetail[];
}

export interface TrustDomainDetail {
  readonly name: string;
  /** True if the secret of all trust domains contains it. Present if not all trust domains fit into that secret. */
  readonly inJointSecret: boolean;
  readonly anchors: readonly AnchorDetail[];
}

export interface AnchorDetail {
  /** SHA-256 of the listed certificate. */
  readonly fingerprint: string;
  /** SHA-256 of its public key (SubjectPublicKeyInfo). */
  readonly keyHash: string;
  /** The same with the point of the key as it is encoded, if it is compressed. A distrust list matches both. */
  readonly compressedKeyHash?: string | undefined;
  readonly subject: string;
  /**
   * Issuer of the listed certificate. The self-issued form that proxies get of a re-rooted anchor has the subject
   * here.
   */
  readonly issuer: string;
  /**
   * For an intermediate: the fingerprints of the served CA certificates of the trust domain that have signed it. Absent
   * if its signature cannot be verified, and in earlier versions.
   */
  readonly issuedBy?: readonly string[] | undefined;
  readonly keyAlgorithm: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly rooting: Rooting;
  /** The resources that list it, as `mesh/namespace/name`. */
  readonly resources: readonly string[];
}

export interface HeldTrustDomain {
  readonly name: string;
  readonly secondsLeft: number;
}

export interface SecretDetail {
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
}

/** One finding; `docs/findings.md` has a section for each code. */
export interface FindingDetail {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** The code in words, such as `private-key`. */
  readonly name: string;
  readonly message: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly resource?: string | undefined;
  readonly path?: string | undefined;
  readonly block?: number | undefined;
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** When this process first reported the finding. Absent in the output of commands that read files. */
  readonly since?: string | undefined;
}

export interface FindingCounts {
  readonly error: number;
  readonly warning: number;
  readonly info: number;
}

/** `GET /api/v1/findings`: all current findings, most severe first. */
export interface FindingList {
  readonly counts: FindingCounts;
  readonly findings: readonly FindingDetail[];
}

/** `POST /api/v1/guard/release`: the trust domains whose hold was ended. */
export interface GuardRelease {
  readonly released: readonly { readonly mesh: string; readonly trustDomain: string }[];
}

/** `GET /readyz`: 200 when ready, else 503. */
export type ReadyAnswer =
  | { readonly status: 'ready' }
  | { readonly status: 'waiting'; readonly missing: readonly string[] }
  | {
      readonly status: 'doubtful';
      readonly reason: string;
      /** The first reasons for the doubt: places and reasons, as `validate` prints them. */
      readonly findings: readonly string[];
      readonly secondsLeft: number;
    }
  | { readonly status: 'draining' };

export type ApiErrorCode =
  | 'bad-request'
  | 'body-not-expected'
  | 'forbidden'
  | 'incomplete'
  | 'internal'
  | 'method-not-allowed'
  | 'not-found'
  | 'too-many-clients'
  | 'unauthorized'
  | 'unknown-certificate'
  | 'unknown-mesh'
  | 'unknown-proxy'
  | 'wrong-host';

/** Every response that is not 2xx, except those of `/readyz`. */
export interface ApiError {
  readonly error: { readonly code: ApiErrorCode; readonly message: string };
}
