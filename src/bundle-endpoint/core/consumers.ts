import { clientNetwork } from './client-network.ts';
import { nextConsumer } from './follow-consumer.ts';
import type { ConsumerFetch } from './observe-fetch.ts';

/** A client of the bundle endpoint: an address and the program that it names, for one trust domain. */
export interface Consumer {
  readonly mesh: string;
  readonly trustDomain: string;
  /** The IP address, without the port. */
  readonly address: string;
  readonly userAgent: string;
  /** Epoch milliseconds of the last fetches, at most five, the last one last. */
  readonly fetches: readonly number[];
  /** The entity tag of the bundle that the client has, or that was sent to it; `undefined` if it is not known. */
  readonly etag: string | undefined;
  /** True if a later request showed that the client has this bundle. */
  readonly isConfirmed: boolean;
  /** Epoch milliseconds at which this bundle was sent first; `undefined` if it was not sent. */
  readonly sentAt: number | undefined;
  /** True if the client has sent an entity tag: then only that shows which bundle it has. */
  readonly sendsTags: boolean;
}

/** Remembers which consumer holds which bundle. */
export interface ConsumerList {
  /** Records a fetch. */
  saw(seen: ConsumerFetch): void;
  /** Returns the consumers, the least recent first. */
  all(): readonly Consumer[];
  /** The number of consumers that were dropped because there were too many. */
  readonly forgotten: number;
}

/**
 * Creates a list of at most `limit` consumers. Beyond it, the least recent consumer of the address with the most
 * entries (of IPv6: of the network of 64 bits) is dropped: one client with many names or addresses must not displace
 * the others.
 */
export function createConsumerList(limit = 1000): ConsumerList {
  const consumers = new Map<string, Consumer>();
  const byNetwork = new Map<string, Set<string>>();
  let forgotten = 0;

  const drop = (): void => {
    const largest = [...byNetwork.values()].reduce((a, b) => (b.size > a.size ? b : a));
    const [key] = largest;
    const consumer = key === undefined ? undefined : consumers.get(key);
    if (key === undefined || consumer === undefined) return;
    consumers.delete(key);
    largest.delete(key);
    if (largest.size === 0) byNetwork.delete(clientNetwork(consumer.address));
    forgotten += 1;
  };

  return {
    saw(seen) {
      const { mesh, trustDomain, address, userAgent } = seen;
      const key = [mesh, trustDomain, address, userAgent].join('\0');
      const network = clientNetwork(address);
      const keys = byNetwork.get(network) ?? new Set();
      byNetwork.set(network, keys);
      const consumer = nextConsumer(consumers.get(key), seen);
      // Deleted first, so that the most recent is the last.
      consumers.delete(key);
      keys.delete(key);
      consumers.set(key, consumer);
      keys.add(key);
      if (consumers.size > limit) drop();
    },
    all: () => [...consumers.values()],
    get forgotten() {
      return forgotten;
    },
  };
}
