/** Where an entry comes from. */
export interface Origin {
  /** Address of the client without its port. */
  readonly address: string;
  /** The connection: any object, compared by identity. */
  readonly connection: object;
}

/** A queue that serves addresses in turn, and in each address its connections in turn. */
export interface FairQueue<Entry extends Origin> {
  readonly size: number;
  add(entry: Entry): void;
  /** Removes the entry; false if it is not in the queue. */
  delete(entry: Entry): boolean;
  /** Removes and returns the next entry; `undefined` if the queue is empty. */
  shift(): Entry | undefined;
}

/**
 * Creates an empty queue. A client that adds thousands of entries delays an entry of another address by one turn,
 * and an entry of another connection of its own address by one turn of that address. All operations take constant
 * time.
 */
export function createFairQueue<Entry extends Origin>(): FairQueue<Entry> {
  // Maps and sets keep the order of insertion: whatever had its turn is removed and added again.
  const addresses = new Map<string, Map<object, Set<Entry>>>();
  let size = 0;

  function remove(entry: Entry): boolean {
    const connections = addresses.get(entry.address);
    const entries = connections?.get(entry.connection);
    if (entries?.delete(entry) !== true) return false;
    size -= 1;
    if (entries.size === 0) connections?.delete(entry.connection);
    if (connections?.size === 0) addresses.delete(entry.address);
    return true;
  }

  return {
    get size() {
      return size;
    },
    add(entry) {
      let connections = addresses.get(entry.address);
      if (connections === undefined) addresses.set(entry.address, (connections = new Map()));
      let entries = connections.get(entry.connection);
      if (entries === undefined) connections.set(entry.connection, (entries = new Set()));
      if (!entries.has(entry)) size += 1;
      entries.add(entry);
    },
    delete: remove,
    shift() {
      const connections = firstOf(addresses.values());
      const entries = connections && firstOf(connections.values());
      const entry = entries && firstOf(entries);
      if (entry === undefined || connections === undefined || entries === undefined) return undefined;
      remove(entry);
      if (entries.size > 0) {
        connections.delete(entry.connection);
        connections.set(entry.connection, entries);
      }
      if (connections.size > 0) {
        addresses.delete(entry.address);
        addresses.set(entry.address, connections);
      }
      return entry;
    },
  };
}

function firstOf<Value>(values: Iterable<Value>): Value | undefined {
  for (const value of values) return value;
  return undefined;
}
