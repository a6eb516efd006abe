/** An entry of a list, with its links. It is in one list at most. Only the list writes them. */
export interface ListEntry<Entry extends ListEntry<Entry>> {
  list?: LinkedList<Entry> | undefined;
  previous?: Entry | undefined;
  next?: Entry | undefined;
}

/**
 * A list for objects that are added and removed often. Adding and removing one creates nothing. V8 replaces the table
 * of a `Map` or `Set` every so often, and the replaced table refers to its keys and to the next table. If one such
 * table is old, no later one is freed before the next full garbage collection, nor is what was in it: the young
 * generation then copies objects that are no longer used.
 */
export class LinkedList<Entry extends ListEntry<Entry>> implements Iterable<Entry> {
  size = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  /** The entry with which `visitNext` continues; `undefined` for the last one. */
  #nextVisit: Entry | undefined;
  /** The positions of the iterations that run. */
  readonly #cursors: { next: Entry | undefined }[] = [];

  /** The entry that was added first; `undefined` if the list is empty. */
  get first(): Entry | undefined {
    return this.#first;
  }

  has(entry: Entry): boolean {
    return entry.list === this;
  }

  /** Adds an entry at the end. Removes it from where it was: from its place in this list, or from another one. */
  add(entry: Entry): void {
    entry.list?.delete(entry);
    entry.list = this;
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.size += 1;
    for (const cursor of this.#cursors) cursor.next ??= entry;
  }

  /** Removes an entry. Returns false if it is not in this list. */
  delete(entry: Entry): boolean {
    if (entry.list !== this) return false;
    const { previous, next } = entry;
    if (this.#nextVisit === entry) this.#nextVisit = previous;
    for (const cursor of this.#cursors) if (cursor.next === entry) cursor.next = next;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.list = entry.previous = entry.next = undefined;
    this.size -= 1;
    return true;
  }

  /**
   * Calls back for `count` entries, or for all if there are fewer, and continues where the last call ended: from the
   * last entry to the first, and then from the last again. So entries that are added meanwhile never delay the others.
   * The callback may remove and add any entries; if it removes others, it may be called twice for an entry.
   */
  visitNext(count: number, visit: (entry: Entry) => void): void {
    for (let left = Math.min(count, this.size); left > 0; left -= 1) {
      const entry = this.#nextVisit ?? this.#last;
      if (entry === undefined) return;
      this.#nextVisit = entry.previous;
      visit(entry);
    }
  }

  /** Iterates in the order of addition. Any entries may be removed and added meanwhile, as with a `Set`. */
  *[Symbol.iterator](): Generator<Entry> {
    const cursor = { next: this.#first };
    this.#cursors.push(cursor);
    try {
      for (let entry = cursor.next; entry !== undefined; entry = cursor.next) {
        cursor.next = entry.next;
        yield entry;
      }
    } finally {
      this.#cursors.splice(this.#cursors.indexOf(cursor), 1);
    }
  }
}
