/** Time between two listings of a directory that cannot be watched. */
const pollMs = 2_000;

/**
 * inotify drops notices if its queue (16,384 by default) is full, and Node.js does not report that. So everything is
 * listed once after half that number of notices within `burstMs`.
 */
const burstOfNotices = 8_192;
const burstMs = 1_000;

/** Decides when directories are listed without a notice about them. All times are milliseconds of one clock. */
export class ListingTimes {
  readonly #rescanMs: number;
  readonly #random: () => number;
  #burst: { readonly since: number; notices: number };
  #allAt: number;
  #polledAt: number;

  /** `rescanMs`: about the time between two listings of everything. `random`: returns a number from 0 to 1. */
  constructor(now: number, rescanMs: number, random: () => number) {
    this.#rescanMs = rescanMs;
    this.#random = random;
    this.#burst = { since: now, notices: 0 };
    this.#allAt = this.#nextRescan(now);
    this.#polledAt = now + pollMs;
  }

  /** Counts a notice. Returns true if some may be lost: then everything is listed within a second. */
  notice(now: number): boolean {
    if (now - this.#burst.since > burstMs) this.#burst = { since: now, notices: 0 };
    this.#burst.notices += 1;
    if (this.#burst.notices !== burstOfNotices) return false;
    this.#allAt = Math.min(this.#allAt, now + burstMs);
    return true;
  }

  /** Returns what must be listed now: everything, or the directories that cannot be watched. Plans the next times. */
  due(now: number): { readonly all: boolean; readonly polled: boolean } {
    const [all, polled] = [now >= this.#allAt, now >= this.#polledAt];
    if (all) this.#allAt = this.#nextRescan(now);
    if (polled) this.#polledAt = now + pollMs;
    return { all, polled };
  }

  /** Returns the next time when something is due. */
  next(hasPolled: boolean): number {
    return hasPolled ? Math.min(this.#allAt, this.#polledAt) : this.#allAt;
  }

  /** Varies by a fifth each time, so that replicas do not read a shared file system at the same time. */
  #nextRescan(now: number): number {
    return now + this.#rescanMs * (0.8 + 0.4 * this.#random());
  }
}
