import { setTimeout as delay } from 'node:timers/promises';
import type { TlsMaterial } from '../../net/tls-material.ts';
import type { CertificateEvents, CertificateSource } from './certificate-source.ts';
import type { ReviewAnswer } from './core/answer-review.ts';
import type { RequestLimits } from './core/request-limits.ts';
import { createWebhookEdge } from './https-edge.ts';
import type { RequestResult, WebhookEdge } from './https-edge.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { reasonWithPlace } from '../../text/system-error.ts';

/** The callbacks of a webhook. */
export interface WebhookEvents extends CertificateEvents {
  readonly listening: (address: string) => void;
  /** Called if the webhook cannot listen, and again when the reason changes. The webhook retries. */
  readonly notListening: (reason: string) => void;
  readonly request: (result: RequestResult, reason?: Error | string) => void;
}

export interface WebhookOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  readonly certificate: CertificateSource;
  readonly answer: (review: unknown) => ReviewAnswer;
  /** What can be done of a review before it is answered, in steps between which other work runs. */
  readonly prepare?: ((review: unknown) => Iterable<undefined>) | undefined;
  readonly events: WebhookEvents;
  readonly limits?: RequestLimits | undefined;
  /** Time between two attempts to listen, in milliseconds. */
  readonly retryMs?: number | undefined;
}

/** A webhook that runs until it is disposed of. */
export type Webhook = AsyncDisposable;

/**
 * Starts the webhook. It answers reviews as soon as it has a certificate and can listen. Never throws, because serving
 * trust must not depend on the webhook.
 */
export function runWebhook({
  listen,
  certificate,
  answer,
  prepare,
  events,
  limits,
  retryMs = 5_000,
}: WebhookOptions): Webhook {
  const closed = new AbortController();
  const { signal } = closed;
  let edge: WebhookEdge | undefined;
  let starting: Promise<void> | undefined;

  const start = async (server: WebhookEdge): Promise<void> => {
    let reported: string | undefined;
    while (!signal.aborted) {
      try {
        return events.listening(await server.listen(listen));
      } catch (error) {
        const reason = reasonWithPlace(error);
        if (reason !== reported) events.notListening(reason);
        reported = reason;
      }
      await delay(timerMs(retryMs), undefined, { signal, ref: false }).catch(() => undefined);
    }
  };

  const loaded = (material: TlsMaterial, isFirst: boolean): void => {
    if (signal.aborted) return;
    events.loaded(material, isFirst);
    if (edge === undefined) {
      edge = createWebhookEdge({ tls: material, answer, prepare, limits, onRequest: events.request });
      starting = start(edge);
    } else edge.renew(material);
  };
  const source = certificate({ loaded, refused: events.refused, restless: events.restless });

  return {
    async [Symbol.asyncDispose]() {
      closed.abort();
      await source.close();
      await starting;
      await edge?.close();
    },
  };
}
