import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

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
