import type { FindingCode, Severity } from '../trust/findings/catalogue.ts';
import type { Rooting } from '../trust/bundle/trust-bundle.ts';

/*
 * What the admin API answers, as JSON. Times are RFC 3339 in UTC with seconds; hashes are lower-case hex;
 * what is not known is left out. Fields are only ever added.
 */

/** `GET /api/v1/meshes`: every mesh that anything was ever listed for, by name. */
export interface MeshList {
  readonly meshes: readonly MeshSummary[];
}

export interface MeshSummary {
  readonly name: string;
  /** Hash over all secrets of the mesh: what proxies show as `version_text`. */
  readonly version: string;
  /** No trust domain is left: every client is refused. */
  readonly denyAll: boolean;
  /** Connected now. */
  readonly proxies: number;
  readonly trustDomains: number;
  readonly anchors: number;
  /** The earliest `notAfter` of all anchors. */
  readonly earliestExpiry?: string | undefined;
  readonly findings: FindingCounts;
}

/**
 * `GET /api/v1/meshes/{mesh}`. A mesh that nothing was ever listed for is `unknown-mesh` (404), although its
 * proxies are answered: they get deny-all, as every mesh without trust.
 */
export interface MeshDetail extends Omit<MeshSummary, 'trustDomains' | 'anchors' | 'findings'> {
  readonly trustDomains: readonly TrustDomainDetail[];
  /** What the mass-loss guard holds: served, although no resource lists it any more. */
  readonly held: readonly HeldTrustDomain[];
  readonly secrets: readonly SecretDetail[];
  readonly findings: readonly FindingDetail[];
}

export interface TrustDomainDetail {
  readonly name: string;
  /** Whether it is part of the secret of all trust domains, where not all of them fit. */
  readonly inJointSecret: boolean;
  readonly anchors: readonly AnchorDetail[];
}

export interface AnchorDetail {
  /** SHA-256 of the certificate as it was listed. */
  readonly fingerprint: string;
  /** SHA-256 of its public key (SubjectPublicKeyInfo). */
  readonly keyHash: string;
  /** The same with the point of the key as it is encoded, if it is compressed. A distrust list matches both. */
  readonly compressedKeyHash?: string | undefined;
  readonly subject: string;
  /** As it was listed; what is sent of a re-rooted anchor names its subject here. */
  readonly issuer: string;
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
}

export interface FindingCounts {
  readonly error: number;
  readonly warning: number;
  readonly info: number;
}

/** `GET /api/v1/findings`: everything that is found now, most severe first. */
export interface FindingList {
  readonly counts: FindingCounts;
  readonly findings: readonly FindingDetail[];
}

/** `POST /api/v1/guard/release`: what was held, and is no longer. */
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
      /** The first of what makes it so: places and reasons, as `validate` says them. */
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
  | 'unknown-mesh'
  | 'unknown-proxy'
  | 'wrong-host';

/** Every answer that is not 2xx, but for those of `/readyz`. */
export interface ApiError {
  readonly error: { readonly code: ApiErrorCode; readonly message: string };
}
