/** A version of a resource that a client rejected (NACK). */
export interface RejectedResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
}

/**
 * A client, as the refusal memory identifies it. A node id is a claim, so it counts only together with the
 * origin.
 */
export interface ClientIdentity {
  readonly nodeId: string;
  /** The names in the client certificate, or the client's address. See `StreamInfo.origin`. */
  readonly origin: string;
}

/**
 * Remembers the resources that clients rejected recently. Envoy acknowledges rejected bytes if it receives them a
 * second time, even from another process, although the previous resource stays in force. The memory marks such an
 * ACK as unconfirmed. It never decides what to send, because a client can claim any node id.
 */
export interface RefusalMemory {
  remember(client: ClientIdentity, bytes: RejectedResource, now: number): void;
  has(client: ClientIdentity, bytes: RejectedResource, now: number): boolean;
  readonly size: number;
}

/** The size and the retention time of a refusal memory. */
export interface RefusalMemoryLimits {
  /** Maximum number of entries. The oldest entries are forgotten first. */
  readonly entries: number;
  /** Retention time of an entry, in ms. */
  readonly ttlMs: number;
}

/** Creates an empty memory. It ignores nodes without an id: several clients would share one identity. */
export function createRefusalMemory({ entries, ttlMs }: RefusalMemoryLimits): RefusalMemory {
  const expiries = new Map<string, number>();
  const keyOf = ({ nodeId, origin }: ClientIdentity, { typeUrl, name, version }: RejectedResource): string =>
    JSON.stringify([nodeId, origin, typeUrl, name, version]);
  return {
    get size() {
      return expiries.size;
    },
    remember(client, bytes, now) {
      if (client.nodeId === '') return;
      const key = keyOf(client, bytes);
      expiries.delete(key); // Keeps the map in order of age.
      expiries.set(key, now + ttlMs);
      for (const [oldest, expiry] of expiries) {
        if (expiries.size <= entries && expiry > now) break;
        expiries.delete(oldest);
      }
    },
    has(client, bytes, now) {
      // The common case must cost nothing: the first ACK of each name on each stream calls this.
      if (expiries.size === 0 || client.nodeId === '') return false;
      const expiry = expiries.get(keyOf(client, bytes));
      return expiry !== undefined && expiry > now;
    },
  };
}
