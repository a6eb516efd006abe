/** A key with a number. Several keys may have the same. */
interface Numbered {
  readonly id: number;
}

interface Entry<Key, Value> {
  readonly key: Key;
  value: Value;
  next: Entry<Key, Value> | undefined;
}

const firstLength = 16;

/**
 * A map for objects that are added and removed often. It keeps the buckets of its largest size. V8 replaces the table of a `Map` or `Set` every so often, and the
 * replaced table refers to its keys and to the next table. If one such table is old, no later one is freed before the
 * next full garbage collection, nor is what was in it: the young generation then copies dead streams.
 */
export class TurnoverMap<Key extends Numbered, Value> {
  #buckets: (Entry<Key, Value> | undefined)[] = emptyBuckets(firstLength);
  #size = 0;

  has(key: Key): boolean {
    return this.#find(key) !== undefined;
  }

  get(key: Key): Value | undefined {
    return this.#find(key)?.value;
  }

  set(key: Key, value: Value): void {
    const known = this.#find(key);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    if (this.#size === this.#buckets.length) this.#grow();
    const at = this.#bucketOf(key);
    this.#buckets[at] = { key, value, next: this.#buckets[at] };
    this.#size += 1;
  }

  /** Removes an entry. Returns false if it is absent. */
  delete(key: Key): boolean {
    const at = this.#bucketOf(key);
    let previous: Entry<Key, Value> | undefined;
    let entry = this.#buckets[at];
    while (entry !== undefined && entry.key !== key) {
      previous = entry;
      entry = entry.next;
    }
    if (entry === undefined) return false;
    if (previous === undefined) this.#buckets[at] = entry.next;
    else previous.next = entry.next;
    // A removed entry that is old must not keep young ones.
    entry.next = undefined;
    this.#size -= 1;
    return true;
  }

  #find(key: Key): Entry<Key, Value> | undefined {
    let entry = this.#buckets[this.#bucketOf(key)];
    while (entry !== undefined && entry.key !== key) entry = entry.next;
    return entry;
  }

  #bucketOf({ id }: Key): number {
    return id & (this.#buckets.length - 1);
  }

  #grow(): void {
    const before = this.#buckets;
    this.#buckets = emptyBuckets<Entry<Key, Value>>(before.length * 2);
    for (const first of before) {
      let entry = first;
      while (entry !== undefined) {
        const { next } = entry;
        const at = this.#bucketOf(entry.key);
        entry.next = this.#buckets[at];
        this.#buckets[at] = entry;
        entry = next;
      }
    }
  }
}

function emptyBuckets<Item>(length: number): (Item | undefined)[] {
  return Array.from({ length }, () => undefined);
}
