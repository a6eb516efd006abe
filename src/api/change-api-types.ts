/** `GET /api/v1/changes`: recent changes of what is served, newest first. New releases only add fields. */
export interface ChangeList {
  readonly changes: readonly ChangeDetail[];
}

export interface ChangeDetail {
  readonly mesh: string;
  readonly version: string;
  /** When the change arrived, and when it was sent to proxies. */
  readonly changedAt: string;
  readonly servedAt: string;
  /** True for the first state of a mesh that this process served: everything in it counts as added. */
  readonly first: boolean;
  /** No trust domain is left: every client is refused. */
  readonly denyAll: boolean;
  readonly trustDomains: readonly TrustDomainChangeDetail[];
  /**
   * When the last connected proxy had acknowledged it. Absent while proxies are behind, or if a later change came
   * first.
   */
  readonly convergedAt?: string | undefined;
  /** Number of proxies that acknowledged it, and of lost proxies that the server no longer waited for. */
  readonly proxies?: number | undefined;
  readonly gaveUp?: number | undefined;
}

export interface TrustDomainChangeDetail {
  readonly name: string;
  readonly added: CertificateNames;
  readonly removed: CertificateNames;
}

interface CertificateNames {
  readonly total: number;
  /** The first of them. */
  readonly certificates: readonly { readonly fingerprint: string; readonly subject: string }[];
}
