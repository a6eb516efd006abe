import type { ConsumerState } from '../../api/consumer-api-types.ts';
import type { Consumer } from './consumers.ts';
import type { PublishedBundle } from './published-bundles.ts';

/** Compares what a consumer holds with the published bundle; `unknown` if the endpoint has not seen what it holds. */
export function consumerState({ etag }: Consumer, published: PublishedBundle | undefined): ConsumerState {
  if (etag === undefined || published === undefined) return 'unknown';
  return etag === published.etag ? 'current' : 'behind';
}
