/** A resource as a client refused it. */
export interface RefusedBytes {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
}

/** Who refused it: a node id is a claim, so it counts only together with what the server itself knows. */
export interface Refuser {
  readonly nodeId: string;
  /** The client certificate's names, or the client's address. See `StreamInfo`. */
  readonly origin: string;
}

/**
 * Remembers what clients refused lately. Envoy acknowledges refused bytes when they come a second time, even
 * from another process, although the old ones stay in force. The memory therefore casts doubt on such an
 * acknowledgement. It never decides what is sent: a client can claim any node id.
 */
export interface RefusalMemory {
  remember(refuser: Refuser, bytes: RefusedBytes, now: number): void;
  has(refuser: Refuser, bytes: RefusedBytes, now: number): boolean;
  readonly size: number;
}

/** How much is remembered, and for how long. */
export interface RefusalMemoryLimits {
  /** Refusals kept; beyond, the oldest are forgotten. */
  readonly entries: number;
  /** How long a refusal is kept, in ms. */
  readonly ttlMs: number;
}

/** Makes an empty memory. A node without an id is never remembered: several clients would be taken for one. */
export function createRefusalMemory({ entries, ttlMs }: RefusalMemoryLimits): RefusalMemory {
  const expiries = new Map<string, number>();
  const keyOf = ({ nodeId, origin }: Refuser, { typeUrl, name, version }: RefusedBytes): string =>
    JSON.stringify([nodeId, origin, typeUrl, name, version]);
  return {
    get size() {
      return expiries.size;
    },
    remember(refuser, bytes, now) {
      if (refuser.nodeId === '') return;
      const key = keyOf(refuser, bytes);
      expiries.delete(key); // So that the map stays in order of age.
      expiries.set(key, now + ttlMs);
      for (const [oldest, expiry] of expiries) {
        if (expiries.size <= entries && expiry > now) break;
        expiries.delete(oldest);
      }
    },
    has(refuser, bytes, now) {
      // The common case must cost nothing: each first acknowledgement of a name on a stream asks.
      if (expiries.size === 0 || refuser.nodeId === '') return false;
      const expiry = expiries.get(keyOf(refuser, bytes));
      return expiry !== undefined && expiry > now;
    },
  };
}
