/** `GET /api/v1/federation/consumers`: who fetched the published bundles. New releases only add fields. */
export interface ConsumerList {
  /** The time of the answer, by the clock of the server. Releases up to 0.1.0 do not say it. */
  readonly at?: string | undefined;
  /** The bundles that the server publishes now. */
  readonly published: readonly PublishedBundleSummary[];
  /**
   * The trust domains whose served CA certificates are not published yet, for example because the Global control plane
   * was not read. Earlier versions do not say it.
   */
  readonly withheld?: readonly { readonly mesh: string; readonly trustDomain: string }[] | undefined;
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
  /** `spiffe_refresh_hint`. Releases up to 0.1.0 say neither this nor `publishedAt`. */
  readonly refreshHintSeconds?: number | undefined;
  /** When this process published this content first. */
  readonly publishedAt?: string | undefined;
}

/** One consumer of a trust domain: an address, and the program that it names. */
export interface ConsumerDetail {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly address: string;
  readonly userAgent: string;
  readonly lastFetchAt: string;
  /** The entity tag of the bundle that it has, or that was sent to it, with its quotes; absent if it is not known. */
  readonly etag?: string | undefined;
  /** Whether it has the bundle that is published now. */
  readonly state: ConsumerState;
  /** Seconds between two of its fetches; absent after a single one. */
  readonly pollSeconds?: number | undefined;
  /** True if it polled, and has not fetched for three of its intervals or of the refresh hint, for a day at most. */
  readonly overdue?: boolean | undefined;
}

/**
 * `current`: a request after the response showed that the consumer has the published bundle. `sent`: a whole response
 * was written, and nothing shows yet that the consumer received it. `behind`: it has another bundle.
 */
export type ConsumerState = 'current' | 'sent' | 'behind' | 'unknown';
