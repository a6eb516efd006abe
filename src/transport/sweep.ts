/** Something that is checked periodically. */
export interface Swept {
  /** True if it must be part of each check. */
  readonly isUrgent: boolean;
  sweep(now: number): void;
}

/** Each item that is not urgent is part of one of this many checks. */
const checksInRound = 4;

/**
 * Checks urgent items each time, and of all others a part in turn. Visiting all connections each second was a quarter
 * of the cost of idle ones.
 */
export class Sweep<Item extends Swept> {
  readonly #urgent = new Set<Item>();
  readonly #parts: readonly Set<Item>[] = Array.from({ length: checksInRound }, () => new Set<Item>());
  #nextPart = 0;
  #added = 0;

  /** Adds a new item. */
  add(item: Item): void {
    this.#urgent.add(item);
  }

  /** Must be called when an item has become urgent. */
  hurry(item: Item): void {
    if (this.#parts.some((part) => part.delete(item))) this.#urgent.add(item);
  }

  delete(item: Item): void {
    if (!this.#urgent.delete(item)) this.#parts.some((part) => part.delete(item));
  }

  /** Checks what is due. `now` is passed on. */
  check(now: number): void {
    const part = this.#parts[this.#nextPart] ?? [];
    this.#nextPart = (this.#nextPart + 1) % checksInRound;
    for (const item of part) item.sweep(now);
    for (const item of this.#urgent) {
      item.sweep(now);
      if (!item.isUrgent && this.#urgent.delete(item)) this.#settle(item);
    }
  }

  #settle(item: Item): void {
    this.#parts[this.#added % checksInRound]?.add(item);
    this.#added += 1;
  }
}
