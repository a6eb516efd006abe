import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

const results = ['accepted', 'refused', 'unavailable'] as const;

/** Registers the metrics of token reviews by the API server. Returns a function that records one review. */
export function createTokenMetrics(
  registry: Registry,
): (result: (typeof results)[number], seconds: number) => void {
  const reviews = new Counter({
    name: 'meshtrust_token_reviews_total',
    help: 'Requests to the API server about the tokens of proxies, by result.',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of results) reviews.inc({ result }, 0);
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
