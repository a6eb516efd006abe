/** Time after which a client that does not read a response is reported as slow, in ms. */
const slowAfterMs = 1_000;

/**
 * Measures how long a client takes: to complete a request, while the server reads, and to accept a response. Times are
 * ms; those at which something begins are whole numbers.
 */
// One object for both, because each stream has one.
export class ClientPace {
  /** True from a write until the kernel has accepted it. */
  isWriting = false;
  /** True if the client was reported as slow to accept a response. */
  isSlow = false;
  /** True while the connection waits for its turn, and nothing is read. */
  isPaused = false;
  /** Time at which the pending write began. */
  #writtenAt = 0;
  /** Time at which the incomplete request began. */
  #begunAt: number | undefined;

  writeBegan(now: number): void {
    this.isWriting = true;
    this.#writtenAt = now;
  }

  /** Returns true if the client was slow, and no longer is. */
  writeEnded(): boolean {
    const wasSlow = this.isSlow;
    this.isWriting = this.isSlow = false;
    return wasSlow;
  }

  /** Returns how long the pending write has waited, in ms; 0 if no write is pending. */
  writeWaitedMs(now: number): number {
    return this.isWriting ? now - this.#writtenAt : 0;
  }

  /** Returns true once for a write that has waited for a second. */
  becomesSlow(now: number): boolean {
    if (this.isSlow || this.writeWaitedMs(now) < slowAfterMs) return false;
    this.isSlow = true;
    return true;
  }

  requestBegan(now: number): void {
    this.#begunAt ??= now;
  }

  requestEnded(): void {
    this.#begunAt = undefined;
  }

  /** Gives the client the full time again, after the server has not read for a while. */
  restartRequest(now: number): void {
    if (this.#begunAt !== undefined) this.#begunAt = now;
  }

  isOverdue(now: number, timeoutMs: number): boolean {
    return !this.isPaused && this.#begunAt !== undefined && now - this.#begunAt >= timeoutMs;
  }
}
