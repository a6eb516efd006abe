/** Decides when the first read is complete. Times are monotonic milliseconds. */
export class FirstRead {
  readonly #confirmMs: number;
  #confirmAt: number | undefined;
  #confirms = false;
  #isComplete = false;

  /**
   * `confirmMs`: the time after which everything is listed once more, because git and editors delete files and create
   * them again. 0 if one listing is enough.
   */
  constructor(confirmMs: number) {
    this.#confirmMs = confirmMs;
  }

  /**
   * Records a round: whether a directory cannot be listed (`failed`), or something is left to read (`unread`). Returns
   * true once, when the first read is complete.
   */
  round(result: 'failed' | 'unread' | 'read', now: number): boolean {
    if (this.#isComplete || result === 'unread') return false;
    if (result === 'failed') {
      // After a failure, too, a file may be absent for a moment.
      this.#confirmAt = undefined;
      this.#confirms = false;
    } else if (this.#confirmMs === 0 || this.#confirms) this.#isComplete = true;
    else this.#confirmAt ??= now + this.#confirmMs;
    return this.#isComplete;
  }

  /** Returns true if everything must be listed again now. The next round is then the confirmation. */
  due(now: number): boolean {
    if (this.#confirmAt === undefined || now < this.#confirmAt) return false;
    this.#confirmAt = undefined;
    this.#confirms = true;
    return true;
  }

  /** Returns the time when everything must be listed again, if it must. */
  next(): number | undefined {
    return this.#confirmAt;
  }
}
