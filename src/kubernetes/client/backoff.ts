const firstMs = 250;
/** The guard holds losses for 30 s. After an outage, the next request must come well within that time. */
const maxMs = 10_000;
const maxRetryAfterMs = 60_000;

/**
 * Returns the milliseconds to wait before the next request. The time doubles with each attempt without a result, and
 * has a random part, so that replicas do not send their requests at the same time. It is at least the Retry-After of
 * the API server.
 */
export function backoffMs(attempts: number, retryAfterMs: number | undefined, random: () => number): number {
  const backoff = attempts === 0 ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, 10));
  const requested = Math.min(retryAfterMs ?? 0, maxRetryAfterMs);
  return Math.max(backoff * (0.5 + random() / 2), requested * (1 + random() / 4));
}
