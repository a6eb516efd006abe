import { createLineLimit } from '../observe/log/line-limit.ts';
import type { Logger } from '../observe/log/log.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import { plainText } from '../text/plain-text.ts';
import { reasonOf } from '../text/system-error.ts';
import type { WebhookMetrics } from '../observe/metrics/kubernetes-metrics.ts';
import type { RequestResult } from '../kubernetes/webhook/https-edge.ts';
import type { WebhookEvents } from '../kubernetes/webhook/run-webhook.ts';

/** Limits the log lines about requests in each time window, because any client of the port can cause them. */
const [lines, windowMs] = [10, 60_000] as const;

/**
 * Logs and counts the events of the webhook. `unusable` gets the reason why its certificate cannot be used, or
 * `undefined` if it can.
 */
export function webhookEvents(
  log: Logger,
  metrics: WebhookMetrics,
  unusable: (reason: string | undefined) => void,
): WebhookEvents {
  const certificates = logTlsFiles(log, 'webhook');
  const limit = createLineLimit(lines, windowMs, () => performance.now());
  return {
    loaded: (material, isFirst) => {
      metrics.certificateUntil(material.notAfter);
      certificates.loaded(material, isFirst);
      unusable(undefined);
    },
    refused: (reason) => {
      unusable(reason);
      const text = `the webhook has no new certificate, and still uses the previous one, if any: ${reason}`;
      log.error({ event: 'webhook', reason }, text);
    },
    restless: certificates.restless,
    listening: (address) =>
      log.info({ event: 'webhook', address }, `the admission webhook listens on ${address}`),
    notListening: (reason) => log.error({ event: 'webhook', reason }, `the webhook retries: ${reason}`),
    request: (result, reason) => {
      metrics.request(result);
      if (reason === undefined) return;
      const { admitted, suppressed } = limit.admit();
      if (!admitted) return;
      const fields = { event: 'webhook-request', result, suppressed };
      const text = `${failures[result]}: ${plainText(reasonOf(reason))}`;
      if (result === 'malformed') log.warn(fields, text);
      else log.error({ ...fields, ...(reason instanceof Error ? { err: reason } : {}) }, text);
    },
  };
}

const answered = 'the webhook answered a review';
const failures: Readonly<Record<RequestResult, string>> = {
  allowed: answered,
  warned: answered,
  refused: answered,
  malformed: 'the webhook rejected a request',
  error: 'the webhook could not answer a review',
  untrusted:
    'a client of the webhook does not trust its certificate: the caBundle of the configuration must contain its CA',
};
