/**
 * What nodes have refused lately. Envoy acknowledges refused bytes when they come a second time, even from
 * another process, although the old ones stay in force: so a refusal outlives the stream it came on.
 */
export interface RefusalMemory {
  remember(nodeId: string, typeUrl: string, name: string, version: string, now: number): void;
  has(nodeId: string, typeUrl: string, name: string, version: string, now: number): boolean;
  readonly size: number;
}

/** How much is remembered, and for how long. */
export interface RefusalMemoryLimits {
  /** Refusals kept; beyond, the oldest are forgotten. */
  readonly entries: number;
  /** How long a refusal is kept, in ms. */
  readonly ttlMs: number;
}

/** Makes an empty memory. A node without an id is never remembered: several peers would be taken for one. */
export function createRefusalMemory({ entries, ttlMs }: RefusalMemoryLimits): RefusalMemory {
  const expiries = new Map<string, number>();
  const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);
  return {
    get size() {
      return expiries.size;
    },
    remember(nodeId, typeUrl, name, version, now) {
      if (nodeId === '') return;
      const key = keyOf(nodeId, typeUrl, name, version);
      expiries.delete(key); // So that the map stays in order of age.
      expiries.set(key, now + ttlMs);
      for (const [oldest, expiry] of expiries) {
        if (expiries.size <= entries && expiry > now) break;
        expiries.delete(oldest);
      }
    },
    has(nodeId, typeUrl, name, version, now) {
      // The common case must cost nothing: it is asked for each response to each stream.
      if (expiries.size === 0 || nodeId === '') return false;
      const expiry = expiries.get(keyOf(nodeId, typeUrl, name, version));
      return expiry !== undefined && expiry > now;
    },
  };
}
