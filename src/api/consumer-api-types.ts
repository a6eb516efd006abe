/** `GET /api/v1/federation/consumers`: who fetched the published bundles. New releases only add fields. */
export interface ConsumerList {
  /** The bundles that the server publishes now. */
  readonly published: readonly PublishedBundleSummary[];
  /** The last 1,000 consumers, the most recent first. */
  readonly consumers: readonly ConsumerDetail[];
  /** The number of consumers beyond these, since the start. */
  readonly forgotten: number;
}

/** One published bundle. */
interface PublishedBundleSummary {
  readonly mesh: string;
  readonly trustDomain: string;
  /** `spiffe_sequence`. */
  readonly sequence: number;
  /** The entity tag, with its quotes. */
  readonly etag: string;
  /** The number of CA certificates. */
  readonly keys: number;
}

/** One consumer of a trust domain: an address, and the program that it names. */
export interface ConsumerDetail {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly address: string;
  readonly userAgent: string;
  readonly lastFetchAt: string;
  /** The entity tag of the bundle that it holds, with its quotes; absent if that is not known. */
  readonly etag?: string | undefined;
  /** Whether it holds the bundle that is published now. */
  readonly state: ConsumerState;
}

export type ConsumerState = 'current' | 'behind' | 'unknown';
