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
