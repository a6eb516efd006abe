/**
 * Keeps one note for each of several owners. The first three notes are fields, further ones are in a `Map`: the notes
 * of thousands of streams are read at each push and each ACK, and each object on the way costs a cache miss.
 */
export class NoteStore {
  #owner1: object | undefined;
  #note1: unknown;
  #owner2: object | undefined;
  #note2: unknown;
  #owner3: object | undefined;
  #note3: unknown;
  #others: Map<object, unknown> | undefined;

  /** Returns whether an object has a store. Not by `instanceof`: an object that is derived from one has none. */
  static isIn(object: object): object is NoteStore {
    return #owner1 in object;
  }

  /** Returns the note of an owner, or `undefined` if it has none. */
  getNote(owner: object): unknown {
    if (this.#owner1 === owner) return this.#note1;
    if (this.#owner2 === owner) return this.#note2;
    if (this.#owner3 === owner) return this.#note3;
    return this.#others?.get(owner);
  }

  hasNote(owner: object): boolean {
    const isNear = this.#owner1 === owner || this.#owner2 === owner || this.#owner3 === owner;
    return isNear || this.#others?.has(owner) === true;
  }

  /** Sets the note of an owner. Replaces its earlier note. */
  setNote(owner: object, note: unknown): void {
    // The place to fill: its own, or a free one.
    const place = this.hasNote(owner) ? owner : undefined;
    if (this.#owner1 === place) {
      this.#owner1 = owner;
      this.#note1 = note;
    } else if (this.#owner2 === place) {
      this.#owner2 = owner;
      this.#note2 = note;
    } else if (this.#owner3 === place) {
      this.#owner3 = owner;
      this.#note3 = note;
    } else {
      this.#others ??= new Map();
      this.#others.set(owner, note);
    }
  }

  /** Removes the note of an owner. Returns false if it has none. */
  deleteNote(owner: object): boolean {
    if (this.#owner1 === owner) this.#owner1 = this.#note1 = undefined;
    else if (this.#owner2 === owner) this.#owner2 = this.#note2 = undefined;
    else if (this.#owner3 === owner) this.#owner3 = this.#note3 = undefined;
    else return this.#others?.delete(owner) ?? false;
    return true;
  }
}
