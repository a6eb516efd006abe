import type { ConsumerState } from '../../api/consumer-api-types.ts';
import type { Consumer } from './consumers.ts';
import type { PublishedBundle } from './published-bundles.ts';

/** Compares what a consumer has with the published bundle; `unknown` if the endpoint has not seen what it has. */
export function consumerState(
  { etag, isConfirmed }: Pick<Consumer, 'etag' | 'isConfirmed'>,
  published: Pick<PublishedBundle, 'etag'> | undefined,
): ConsumerState {
  if (etag === undefined || published === undefined) return 'unknown';
  if (etag !== published.etag) return 'behind';
  return isConfirmed ? 'current' : 'sent';
}
