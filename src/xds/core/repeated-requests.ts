/** Equal requests are waited for until none comes for the quiet time, and for this multiple of it at most. */
const longestQuiet = 3;
/**
 * The quiet time is this many times longer while a known number of requests is expected: responses to changes leave one
 * quiet time apart, and requests for other types can delay the client's answers by as much again.
 */
const expectedQuiet = 2;

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
  /** Number of requests that the client still has for responses that it answered with a later one. */
  #expected = 0;

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

  /** Records that the client answered this many responses together with a later one: it has a request for each. */
  expect(count: number): void {
    this.#expected += count;
  }

  /** Schedules the reply to a request that repeats the one before. Must be called before `requested`. */
  repeated(now: number): void {
    const expectedMs = expectedQuiet * this.#quietMs;
    if (this.#expected > 0 && now - this.#lastAt < expectedMs) {
      this.#expected -= 1;
      return this.#waitUntil(now, expectedMs);
    }
    this.#expected = 0;
    if (now - this.#lastAt >= this.#quietMs) {
      this.#dueAt = now;
      return;
    }
    this.#waitUntil(now, this.#quietMs);
  }

  #waitUntil(now: number, quietMs: number): void {
    this.#dueBy ??= now + longestQuiet * quietMs;
    this.#dueAt = Math.min(this.#dueBy, now + quietMs);
  }

  /** Ends the wait for the reply, which has been sent or is about to be. */
  replied(): void {
    this.#dueAt = this.#dueBy = undefined;
  }
}
