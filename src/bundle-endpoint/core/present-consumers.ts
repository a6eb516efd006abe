import type { ConsumerDetail, ConsumerList, ConsumerState } from '../../api/consumer-api-types.ts';
import { presentTime } from '../../api/present-time.ts';
import type { Consumer, ConsumerList as Consumers } from './consumers.ts';
import { isOverdue, pollMs } from './follow-consumer.ts';
import type { PublishedBundles, PublishedBundle } from './published-bundles.ts';

/** Returns the consumers as the admin API shows them. `now` is in epoch milliseconds. */
export function presentConsumers(
  consumers: Pick<Consumers, 'all' | 'forgotten'>,
  published: Pick<PublishedBundles, 'all' | 'get' | 'withheld'>,
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
    withheld: published.withheld(),
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

/** Compares the document of a consumer with the published one; `unknown` if the endpoint does not know which it has. */
export function consumerState(
  { etag, isConfirmed }: Pick<Consumer, 'etag' | 'isConfirmed'>,
  published: Pick<PublishedBundle, 'etag'> | undefined,
): ConsumerState {
  if (etag === undefined || published === undefined) return 'unknown';
  if (etag !== published.etag) return 'behind';
  return isConfirmed ? 'current' : 'sent';
}
