import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** The results of writes to the API server. */
const writeResults = ['ok', 'error', 'dropped'] as const;

/** Counts the writes to the API server, and reports whether this replica is the leader. */
export interface StatusMetrics {
  readonly write: (kind: string, result: (typeof writeResults)[number]) => void;
  readonly leading: (leading: boolean) => void;
}

/** Registers the metrics of status, Events and the Lease. */
export function createStatusMetrics(registry: Registry): StatusMetrics {
  const registers = [registry];
  const leader = new Gauge({
    name: 'meshtrust_kubernetes_leader',
    help: 'Whether this replica holds the Lease, and therefore writes status and Events.',
    registers,
  });
  const writes = new Counter({
    name: 'meshtrust_kubernetes_writes_total',
    help: 'Write requests for status, Events, the Lease and the proxy counts of replicas, by result.',
    labelNames: ['kind', 'result'],
    registers,
  });
  leader.set(0);
  return {
    write: (kind, result) => {
      // An alert on an increase needs an initial value.
      for (const one of writeResults) writes.inc({ kind, result: one }, one === result ? 1 : 0);
    },
    leading: (leading) => leader.set(leading ? 1 : 0),
  };
}

/** The results of requests to the admission webhook. */
const webhookResults = ['allowed', 'warned', 'refused', 'malformed', 'error', 'untrusted'] as const;

export interface WebhookMetrics {
  readonly request: (result: (typeof webhookResults)[number]) => void;
  /** Sets the expiry of the serving certificate, in epoch milliseconds. */
  readonly certificateUntil: (notAfter: number) => void;
}

/** Registers the metrics of the admission webhook. */
export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'meshtrust_webhook_requests_total',
    help: 'Requests to the admission webhook, by result.',
    labelNames: ['result'],
    registers,
  });
  for (const result of webhookResults) requests.inc({ result }, 0);
  const expiry = new Gauge({
    name: 'meshtrust_webhook_certificate_expiry_timestamp_seconds',
    help: 'Expiry of the certificate of the admission webhook, in seconds since 1970; 0 while it has none.',
    registers,
  });
  expiry.set(0);
  return {
    request: (result) => requests.inc({ result }),
    certificateUntil: (notAfter) => expiry.set(notAfter / 1000),
  };
}

/** The results of token reviews. */
const reviewResults = ['accepted', 'refused', 'unavailable'] as const;

/** Registers the metrics of token reviews by the API server. Returns a function that records one review. */
export function createTokenMetrics(
  registry: Registry,
): (result: (typeof reviewResults)[number], seconds: number) => void {
  const reviews = new Counter({
    name: 'meshtrust_token_reviews_total',
    help: 'Requests to the API server about the tokens of proxies, by result.',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of reviewResults) reviews.inc({ result }, 0);
  const duration = new Histogram({
    name: 'meshtrust_token_review_seconds',
    help: 'Duration of the requests to the API server about the tokens of proxies.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  return (result, seconds) => {
    reviews.inc({ result });
    duration.observe(seconds);
  };
}
