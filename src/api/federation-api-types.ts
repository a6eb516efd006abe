/** `GET /api/v1/federation`: the relationships and the state of their bundles. New releases only add fields. */
export interface FederationList {
  /** True if the server reads ClusterFederatedTrustDomains (`--federation`). */
  readonly read: boolean;
  readonly relationships: readonly FederationRelationship[];
}

/** A mesh that trusts another trust domain, whose bundle comes from an endpoint. */
export interface FederationRelationship {
  readonly mesh: string;
  readonly trustDomain: string;
  /** The ClusterFederatedTrustDomain: its name, and its file and line or its object. */
  readonly name: string;
  readonly place: string;
  readonly url: string;
  readonly profile: 'https_web' | 'https_spiffe';
  /** Absent with `https_web`. */
  readonly endpointSpiffeId?: string | undefined;
  /**
   * `failing`: the last fetch failed. `held`: a fetched bundle has to be confirmed first. `withdrawn`: the last bundle
   * is empty, or was too old at the last start. Otherwise the origin of the bundle in force, and `never` without one.
   */
  readonly state: 'fetched' | 'restored' | 'bootstrap' | 'failing' | 'held' | 'withdrawn' | 'never';
  /** The origin of the bundle in force. */
  readonly source: 'fetched' | 'restored' | 'bootstrap' | 'none';
  readonly sequence?: number | undefined;
  readonly refreshHintSeconds?: number | undefined;
  /** Seconds between two fetches, at most. */
  readonly intervalSeconds: number;
  readonly etag?: string | undefined;
  /** The number of usable CA certificates of the bundle in force. */
  readonly anchors: number;
  /** The number of keys of another use or type. */
  readonly ignoredKeys: number;
  /** When the first certificate of the bundle ends (RFC 3339). */
  readonly firstEnd?: string | undefined;
  readonly lastSuccessAt?: string | undefined;
  readonly lastAttemptAt?: string | undefined;
  /** Absent while a fetch is running. */
  readonly nextAttemptAt?: string | undefined;
  readonly error?: { readonly reason: string; readonly message: string } | undefined;
}

/** `POST /api/v1/federation/refresh`: the number of relationships that are fetched now. */
export interface FederationRefresh {
  readonly refreshed: number;
}
