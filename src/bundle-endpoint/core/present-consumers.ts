import type { ConsumerDetail, ConsumerList } from '../../api/consumer-api-types.ts';
import { presentTime } from '../../api/present-time.ts';
import { consumerState } from './consumer-state.ts';
import type { Consumer, ConsumerList as Consumers } from './consumers.ts';
import { isOverdue, pollMs } from './follow-consumer.ts';
import type { PublishedBundles } from './published-bundles.ts';

/** Returns the consumers as the admin API shows them. `now` is in epoch milliseconds. */
export function presentConsumers(
  consumers: Pick<Consumers, 'all' | 'forgotten'>,
  published: Pick<PublishedBundles, 'all' | 'get'>,
  now: number,
): ConsumerList {
  return {
    at: presentTime(now),
    published: published.all().map(({ mesh, trustDomain, sequence, etag, document, publishedAt }) => ({
      mesh,
      trustDomain,
      sequence,
      etag,
      keys: document.keys.length,
      refreshHintSeconds: document.spiffe_refresh_hint,
      publishedAt: presentTime(publishedAt),
    })),
    consumers: consumers
      .all()
      .toReversed()
      .map((consumer) => presentConsumer(consumer, published, now)),
    forgotten: consumers.forgotten,
  };
}

function presentConsumer(
  consumer: Consumer,
  published: Pick<PublishedBundles, 'get'>,
  now: number,
): ConsumerDetail {
  const { mesh, trustDomain, address, userAgent, fetches, etag } = consumer;
  const bundle = published.get(mesh, trustDomain);
  const interval = pollMs(consumer);
  return {
    mesh,
    trustDomain,
    address,
    userAgent,
    lastFetchAt: presentTime(fetches.at(-1) ?? 0),
    etag,
    state: consumerState(consumer, bundle),
    pollSeconds: interval === undefined ? undefined : Math.ceil(interval / 1000),
    overdue: isOverdue(consumer, bundle?.document.spiffe_refresh_hint ?? 0, now),
  };
}
