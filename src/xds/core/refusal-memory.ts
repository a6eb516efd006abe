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
  /** Returns all that it remembers, the oldest first. */
  list(now: number): readonly (ClientIdentity & RejectedResource)[];
  readonly size: number;
}

/** The size and the retention time of a refusal memory. */
export interface RefusalMemoryLimits {
  /** Maximum number of entries. Above it, the oldest entry of the origin with most entries is forgotten. */
  readonly entries: number;
  /** Retention time of an entry, in ms. */
  readonly ttlMs: number;
}

/** The limits by default. */
export const defaultRefusalLimits: RefusalMemoryLimits = { entries: 10_000, ttlMs: 3_600_000 };

/** Creates an empty memory. It ignores nodes without an id: several clients would share one identity. */
export function createRefusalMemory({ entries, ttlMs }: RefusalMemoryLimits): RefusalMemory {
  /** By key, the oldest first. */
  const refusals = new Map<string, { readonly origin: string; readonly expiry: number }>();
  /** The keys of each origin, the oldest first. */
  const byOrigin = new Map<string, Set<string>>();

  function forget(key: string): void {
    const refusal = refusals.get(key);
    if (refusal === undefined) return;
    refusals.delete(key);
    const keys = byOrigin.get(refusal.origin);
    keys?.delete(key);
    if (keys?.size === 0) byOrigin.delete(refusal.origin);
  }

  function add(key: string, origin: string, expiry: number): void {
    refusals.set(key, { origin, expiry });
    const keys = byOrigin.get(origin);
    if (keys === undefined) byOrigin.set(origin, new Set([key]));
    else keys.add(key);
  }

  /** Forgets the oldest entry of the origin with most entries. */
  function evict(): void {
    let largest: ReadonlySet<string> = new Set();
    for (const keys of byOrigin.values()) if (keys.size > largest.size) largest = keys;
    for (const oldest of largest) return forget(oldest);
  }

  return {
    get size() {
      return refusals.size;
    },
    remember(client, bytes, now) {
      if (client.nodeId === '') return;
      const key = keyOf(client, bytes);
      forget(key); // Keeps the tables in order of age.
      add(key, client.origin, now + ttlMs);
      for (const [oldest, { expiry }] of refusals) {
        if (expiry > now) break;
        forget(oldest);
      }
      if (refusals.size > entries) evict();
    },
    has(client, bytes, now) {
      // The common case must cost nothing: the first ACK of each name on each stream calls this.
      if (refusals.size === 0 || client.nodeId === '') return false;
      const refusal = refusals.get(keyOf(client, bytes));
      return refusal !== undefined && refusal.expiry > now;
    },
    list: (now) => [...refusals].flatMap(([key, { expiry }]) => (expiry > now ? [refusalOf(key)] : [])),
  };
}

function keyOf({ nodeId, origin }: ClientIdentity, { typeUrl, name, version }: RejectedResource): string {
  return JSON.stringify([nodeId, origin, typeUrl, name, version]);
}

function refusalOf(key: string): ClientIdentity & RejectedResource {
  const [nodeId, origin, typeUrl, name, version] = JSON.parse(key) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return { nodeId, origin, typeUrl, name, version };
}
