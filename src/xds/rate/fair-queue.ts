/** The origin of an entry. */
export interface Origin {
  /** Address of the client without its port. */
  readonly address: string;
  /** The connection: any value, compared by identity. */
  readonly connection: unknown;
}

/** A queue that serves addresses in turn, and in each address its connections in turn. */
export interface FairQueue<Entry extends Origin> {
  readonly size: number;
  add(entry: Entry): void;
  /** Removes the entry, which costs its address no turn. Returns false if the entry is not in the queue. */
  delete(entry: Entry): boolean;
  /** Returns the number of entries of an address. Its time grows with the number of their connections. */
  sizeOf(address: string): number;
  /** True if another entry of the same connection waits. */
  hasConnectionOf(origin: Origin): boolean;
  /** Returns the next entry without removing it. */
  peek(): Entry | undefined;
  /** Removes and returns the next entry whose connection is ready, by default any; `undefined` if there is none. */
  shift(isReady?: IsReady<Entry>): Entry | undefined;
}

type IsReady<Entry extends Origin> = (connection: Entry['connection'], address: string) => boolean;

const anyConnection = (): boolean => true;

/**
 * Creates an empty queue. A client that adds thousands of entries delays an entry of another address by one turn,
 * and an entry of another connection of its own address by one turn of that address. The time of `shift` grows
 * with the number of connections that are not ready; the other methods take constant time.
 */
export function createFairQueue<Entry extends Origin>(): FairQueue<Entry> {
  // Maps and sets keep the order of insertion: after its turn, an entry is removed and added again.
  const addresses: Addresses<Entry> = new Map();
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
      if (connections === undefined)
        addresses.set(entry.address, (connections = new Map() as Connections<Entry>));
      let entries = connections.get(entry.connection);
      if (entries === undefined) connections.set(entry.connection, (entries = new Set<Entry>()));
      if (!entries.has(entry)) size += 1;
      entries.add(entry);
    },
    delete: remove,
    sizeOf(address) {
      let entries = 0;
      for (const ofConnection of addresses.get(address)?.values() ?? []) entries += ofConnection.size;
      return entries;
    },
    hasConnectionOf: ({ address, connection }) => addresses.get(address)?.has(connection) === true,
    peek: () => findNext(addresses, anyConnection)?.entry,
    shift(isReady = anyConnection) {
      const next = findNext(addresses, isReady);
      if (next === undefined) return undefined;
      const { entry, connections, entries } = next;
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

type Connections<Entry extends Origin> = Map<Entry['connection'], Set<Entry>>;
type Addresses<Entry extends Origin> = Map<string, Connections<Entry>>;

/** Returns the first entry of the first ready connection, and the collections that contain it. */
function findNext<Entry extends Origin>(
  addresses: Addresses<Entry>,
  isReady: IsReady<Entry>,
): { entry: Entry; connections: Connections<Entry>; entries: Set<Entry> } | undefined {
  for (const [address, connections] of addresses) {
    for (const [connection, entries] of connections) {
      if (!isReady(connection, address)) continue;
      for (const entry of entries) return { entry, connections, entries };
    }
  }
  return undefined;
}
