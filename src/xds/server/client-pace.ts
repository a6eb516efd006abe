/** Time after which a client that does not read a response is reported as slow, in ms. */
const slowAfterMs = 1_000;

/** Measures how long a response waits until the kernel accepts it. */
export class WriteWatch {
  isWriting = false;
  /** Time at which the pending write began, in ms. */
  #startedAt = 0;
  /** True if the client was reported as slow. */
  isSlow = false;

  begin(now: number): void {
    this.isWriting = true;
    this.#startedAt = now;
  }

  /** Returns true if the client was slow, and no longer is. */
  done(): boolean {
    const wasSlow = this.isSlow;
    this.isWriting = this.isSlow = false;
    return wasSlow;
  }

  /** Returns how long the pending write has waited, in ms; 0 if no write is pending. */
  waitedMs(now: number): number {
    return this.isWriting ? now - this.#startedAt : 0;
  }

  /** Returns true once for a write that has waited for a second. */
  becomesSlow(now: number): boolean {
    if (this.isSlow || this.waitedMs(now) < slowAfterMs) return false;
    this.isSlow = true;
    return true;
  }
}

/** Measures how long a request is incomplete, while the server reads. Times are in ms. */
export class RequestTimer {
  /** Time at which the incomplete request began. */
  #startedAt: number | undefined;
  /** True while the connection waits for its turn. */
  isPaused = false;

  begin(now: number): void {
    this.#startedAt ??= now;
  }

  end(): void {
    this.#startedAt = undefined;
  }

  /** Gives the client the full time again, after the server has not read for a while. */
  restart(now: number): void {
    if (this.#startedAt !== undefined) this.#startedAt = now;
  }

  isOverdue(now: number, timeoutMs: number): boolean {
    return !this.isPaused && this.#startedAt !== undefined && now - this.#startedAt >= timeoutMs;
  }
}
