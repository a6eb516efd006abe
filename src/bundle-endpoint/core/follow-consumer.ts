import type { Consumer } from './consumers.ts';
import type { ConsumerFetch } from './observe-fetch.ts';

/** Number of fetches whose times are kept. */
const keptFetches = 5;

/** Number of fetches after which a client counts as one that polls. */
const pollerFetches = 3;

/**
 * Milliseconds after which another fetch shows that a client received the bundle before. A client may repeat a broken
 * fetch at once, and SPIRE polls every 15 seconds at most.
 */
const repeatMs = 10_000;

/** Milliseconds for which a consumer that no longer fetches counts as overdue. After that, it has left. */
const overdueMs = 86_400_000;

/** A consumer that does not fetch for this many of its intervals is overdue. */
const overdueIntervals = 3;

/**
 * Returns a consumer after a fetch. That a response was written does not show that the client received it. The next
 * request shows it: by its entity tag or, of a client that sends none (SPIRE), by coming again.
 */
export function nextConsumer(before: Consumer | undefined, seen: ConsumerFetch): Consumer {
  const { mesh, trustDomain, address, userAgent, at, claim } = seen;
  const sendsTags = before?.sendsTags === true || claim !== 'nothing';
  const fetches = [...(before?.fetches ?? []), at].slice(-keptFetches);
  const { etag, isConfirmed, sentAt } = heldAfter(before, seen, sendsTags);
  return { mesh, trustDomain, address, userAgent, fetches, etag, isConfirmed, sentAt, sendsTags };
}

type Holding = Pick<Consumer, 'etag' | 'isConfirmed' | 'sentAt'>;

const unknown: Holding = { etag: undefined, isConfirmed: false, sentAt: undefined };

function heldAfter(
  before: Consumer | undefined,
  { at, etag, claim, sent }: ConsumerFetch,
  sendsTags: boolean,
): Holding {
  if (claim === 'published') return { etag, isConfirmed: true, sentAt: before?.sentAt };
  const delivered: Holding = { etag, isConfirmed: false, sentAt: at };
  // Whatever was sent before, the client says that it does not have the published bundle.
  if (claim === 'other') return sent === 'whole' ? delivered : unknown;
  if (before?.etag === etag) {
    const isRepeated = before.sentAt !== undefined && at - before.sentAt >= repeatMs;
    const isConfirmed = before.isConfirmed || (isRepeated && !sendsTags && sent !== 'none');
    return { etag, isConfirmed, sentAt: before.sentAt };
  }
  // A request for the head shows nothing new.
  if (sent === 'none') return before ?? unknown;
  return sent === 'whole' ? delivered : unknown;
}

/**
 * Returns the milliseconds between two fetches of a consumer; `undefined` after a single fetch. The shorter of the last
 * two intervals counts, because one pause does not make a slow consumer.
 */
export function pollMs(consumer: Pick<Consumer, 'fetches'>): number | undefined {
  const intervals = intervalsOf(consumer).slice(-2);
  return intervals.length === 0 ? undefined : Math.min(...intervals);
}

/** Returns the milliseconds between the kept fetches; 0 where the clock went back. */
function intervalsOf({ fetches }: Pick<Consumer, 'fetches'>): readonly number[] {
  return fetches.slice(1).map((at, index) => Math.max(0, at - (fetches[index] ?? at)));
}

/**
 * Returns whether a consumer that polled has not fetched for three of its intervals, or of the refresh hint if that is
 * longer. It counts for a day. The longest of the last intervals counts: behind a load balancer, not every fetch comes
 * to this server.
 */
export function isOverdue(consumer: Pick<Consumer, 'fetches'>, refreshSeconds: number, now: number): boolean {
  const last = consumer.fetches.at(-1);
  if (last === undefined || consumer.fetches.length < pollerFetches) return false;
  const intervalMs = Math.max(refreshSeconds * 1000, ...intervalsOf(consumer));
  const lateMs = now - last - overdueIntervals * intervalMs;
  return lateMs > 0 && lateMs <= overdueMs;
}
