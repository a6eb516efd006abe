import type { ConsumerDetail, ConsumerList } from '../../api/consumer-api-types.ts';
import { consumerState } from './consumer-state.ts';
import type { Consumer, ConsumerList as Consumers } from './consumers.ts';
import type { PublishedBundles } from './published-bundles.ts';

/** Returns the consumers as the admin API shows them. */
export function presentConsumers(
  consumers: Pick<Consumers, 'all' | 'forgotten'>,
  published: Pick<PublishedBundles, 'all' | 'get'>,
): ConsumerList {
  return {
    published: published.all().map(({ mesh, trustDomain, sequence, etag, document }) => ({
      mesh,
      trustDomain,
      sequence,
      etag,
      keys: document.keys.length,
    })),
    consumers: consumers
      .all()
      .toReversed()
      .map((consumer) => presentConsumer(consumer, published)),
    forgotten: consumers.forgotten,
  };
}

function presentConsumer(consumer: Consumer, published: Pick<PublishedBundles, 'get'>): ConsumerDetail {
  const { mesh, trustDomain, address, userAgent, lastFetchAt, etag } = consumer;
  return {
    mesh,
    trustDomain,
    address,
    userAgent,
    lastFetchAt: new Date(lastFetchAt).toISOString(),
    etag,
    state: consumerState(consumer, published.get(mesh, trustDomain)),
  };
}
