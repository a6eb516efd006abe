/** Equal requests are waited for until none comes for the quiet time, and for this multiple of it at most. */
const longestQuiet = 3;

/**
 * The equal requests of a state-of-the-world client that has answered several responses with one ACK. If its rate of
 * requests is limited, it has many equal requests, one for each response and each user of a name, and sends them one
 * by one. They get one reply together, once no more come: otherwise each would have a reply, which causes a further
 * request. A request after some quiet is not one of them, and a listener of the client may wait for its reply.
 */
export class RepeatedRequests {
  readonly #quietMs: number;
  #lastAt: number;
  /** The time at which the reply becomes due, and the latest such time, in ms. */
  #dueAt: number | undefined;
  #dueBy: number | undefined;

  /** Begins with a request. `quietMs`: the quiet time, in ms. */
  constructor(quietMs: number, now: number) {
    this.#quietMs = quietMs;
    this.#lastAt = now;
  }

  /** Time at which the reply becomes due, in ms; `undefined` without an unanswered request. */
  get dueAt(): number | undefined {
    return this.#dueAt;
  }

  /** Records a request. */
  requested(now: number): void {
    this.#lastAt = now;
  }

  /** Schedules the reply to a request that repeats the one before. Must be called before `requested`. */
  repeated(now: number): void {
    if (now - this.#lastAt >= this.#quietMs) {
      this.#dueAt = now;
      return;
    }
    this.#dueBy ??= now + longestQuiet * this.#quietMs;
    this.#dueAt = Math.min(this.#dueBy, now + this.#quietMs);
  }

  /** Ends the wait for the reply, which has been sent or is about to be. */
  replied(): void {
    this.#dueAt = this.#dueBy = undefined;
  }
}
