/**
 * A map that usually has one entry, which it keeps without a table. Most streams have one type and one name, and an
 * empty `Map` takes 200 bytes. It iterates in the order of insertion, as `Map` does.
 */
export class SmallMap<Key extends string | object, Value> {
  #key: Key | undefined;
  #value: Value | undefined;
  /** All entries, once a second one was added. */
  #all: Map<Key, Value> | undefined;

  get size(): number {
    if (this.#all !== undefined) return this.#all.size;
    return this.#key === undefined ? 0 : 1;
  }

  /** The only key; `undefined` if the map is empty or has several keys. */
  get onlyKey(): Key | undefined {
    return this.#key;
  }

  get(key: Key): Value | undefined {
    if (this.#all !== undefined) return this.#all.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  has(key: Key): boolean {
    return this.#all === undefined ? this.#key === key : this.#all.has(key);
  }

  set(key: Key, value: Value): void {
    if (this.#all !== undefined) this.#all.set(key, value);
    else if (this.#key === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#all = new Map([[this.#key, this.#value as Value]]);
      this.#all.set(key, value);
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  /** Removes an entry. Returns false if it is absent. */
  delete(key: Key): boolean {
    if (this.#all !== undefined) {
      const wasPresent = this.#all.delete(key);
      if (this.#all.size === 0) this.#all = undefined;
      return wasPresent;
    }
    if (this.#key !== key) return false;
    this.#key = undefined;
    this.#value = undefined;
    return true;
  }

  keys(): Iterable<Key> {
    if (this.#all !== undefined) return this.#all.keys();
    return this.#key === undefined ? [] : [this.#key];
  }

  values(): Iterable<Value> {
    if (this.#all !== undefined) return this.#all.values();
    return this.#key === undefined ? [] : [this.#value as Value];
  }

  entries(): Iterable<readonly [Key, Value]> {
    if (this.#all !== undefined) return this.#all;
    return this.#key === undefined ? [] : [[this.#key, this.#value as Value]];
  }
}
