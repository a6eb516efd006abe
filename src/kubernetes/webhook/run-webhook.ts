import { setTimeout as delay } from 'node:timers/promises';
import type { TlsMaterial } from '../../net/tls-material.ts';
import type { CertificateEvents, CertificateSource } from './certificate-source.ts';
import type { ReviewAnswer } from './core/answer-review.ts';
import type { RequestLimits } from './core/request-limits.ts';
import { createWebhookEdge } from './https-edge.ts';
import type { RequestResult, WebhookEdge } from './https-edge.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** What a webhook tells of, besides its certificate. */
export interface WebhookEvents extends CertificateEvents {
  readonly listening: (address: string) => void;
  /** It cannot listen, for the first time or for another reason; it goes on to try. */
  readonly notListening: (reason: string) => void;
  readonly request: (result: RequestResult, reason?: Error | string) => void;
}

export interface WebhookOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  readonly certificate: CertificateSource;
  readonly answer: (review: unknown) => ReviewAnswer;
  readonly events: WebhookEvents;
  readonly limits?: RequestLimits | undefined;
  /** Milliseconds after which an address that is not to be had is tried again. */
  readonly retryMs?: number | undefined;
}

/** A webhook that runs until it is closed. */
export interface Webhook {
  close(): Promise<void>;
}

/**
 * Answers reviews as soon as there is a certificate and an address. Never throws, at the start neither: what else the
 * program does must not depend on it.
 */
export function runWebhook({
  listen,
  certificate,
  answer,
  events,
  limits,
  retryMs = 5_000,
}: WebhookOptions): Webhook {
  const closed = new AbortController();
  const { signal } = closed;
  let edge: WebhookEdge | undefined;
  let starting: Promise<void> | undefined;

  const start = async (made: WebhookEdge): Promise<void> => {
    let told: string | undefined;
    while (!signal.aborted) {
      try {
        return events.listening(await made.listen(listen));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== told) events.notListening(reason);
        told = reason;
      }
      await delay(timerMs(retryMs), undefined, { signal, ref: false }).catch(() => undefined);
    }
  };

  const loaded = (material: TlsMaterial, isFirst: boolean): void => {
    if (signal.aborted) return;
    events.loaded(material, isFirst);
    if (edge === undefined) {
      edge = createWebhookEdge({ tls: material, answer, limits, onRequest: events.request });
      starting = start(edge);
    } else edge.renew(material);
  };
  const source = certificate({ loaded, refused: events.refused });

  return {
    async close() {
      closed.abort();
      await source.close();
      await starting;
      await edge?.close();
    },
  };
}
