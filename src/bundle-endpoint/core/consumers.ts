/** A client of the bundle endpoint: an address and the program that it names, for one trust domain. */
export interface Consumer {
  readonly mesh: string;
  readonly trustDomain: string;
  /** The IP address, without the port. */
  readonly address: string;
  readonly userAgent: string;
  /** Epoch milliseconds of the last response with a bundle, or that the client's bundle is current. */
  readonly lastFetchAt: number;
  /** The entity tag of the bundle that the client holds; `undefined` if it is not known. */
  readonly etag: string | undefined;
}

/** Remembers which consumer holds which bundle. */
export interface ConsumerList {
  /** Records a fetch. */
  saw(consumer: Consumer): void;
  /** Returns the consumers, the least recent first. */
  all(): readonly Consumer[];
  /** The number of consumers that were dropped because there were too many. */
  readonly forgotten: number;
}

/**
 * Creates a list of at most `limit` consumers. Beyond it, the least recent consumer of the address with the most entries
 * is dropped: one client with many names must not displace the others.
 */
export function createConsumerList(limit = 1000): ConsumerList {
  const consumers = new Map<string, Consumer>();
  const byAddress = new Map<string, Set<string>>();
  let forgotten = 0;

  const drop = (): void => {
    const largest = [...byAddress.values()].reduce((a, b) => (b.size > a.size ? b : a));
    const [key] = largest;
    const consumer = key === undefined ? undefined : consumers.get(key);
    if (key === undefined || consumer === undefined) return;
    consumers.delete(key);
    largest.delete(key);
    if (largest.size === 0) byAddress.delete(consumer.address);
    forgotten += 1;
  };

  return {
    saw(consumer) {
      const key = [consumer.mesh, consumer.trustDomain, consumer.address, consumer.userAgent].join('\0');
      const keys = byAddress.get(consumer.address) ?? new Set();
      byAddress.set(consumer.address, keys);
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
