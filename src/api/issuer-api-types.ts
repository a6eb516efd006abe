/**
 * `GET /api/v1/meshes/{mesh}/issuers`: the issuers of clients in the access logs that the server takes
 * (`--access-log-listen`). Times are RFC 3339 in UTC. New releases only add fields.
 */
export interface IssuerList {
  readonly name: string;
  /** Since when clients are observed; absent before the server is ready for the first time. */
  readonly since?: string | undefined;
  /** Open streams of access logs, of all meshes. */
  readonly streams: number;
  /** The issuers that are served, the most recent first. */
  readonly issuers: readonly IssuerDetail[];
  /**
   * Nodes that sent entries with an issuer within the last hour. Beyond 20,000 of all meshes, nodes are not counted.
   */
  readonly nodes: number;
  /** Entries whose issuer is not served: an intermediate that clients send, for example. */
  readonly unknown: number;
  /** When the last one came; absent if none did. */
  readonly unknownLastSeen?: string | undefined;
  /** Entries without the fingerprint of an issuer. */
  readonly without: number;
  /** When entries were last lost, because there were too many or because they could not be read. */
  readonly lostAt?: string | undefined;
}

/** An issuer of certificates of clients. */
interface IssuerDetail {
  /** SHA-256 of its certificate, as it is listed. */
  readonly fingerprint: string;
  /** Entries: connections or requests, depending on what Envoy logs. */
  readonly entries: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}
