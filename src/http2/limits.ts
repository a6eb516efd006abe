/** What a connection may use of a server. Sizes are bytes, rates are per second. */
export interface ConnectionLimits {
  /** Streams that are open at the same time; more are refused (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreams: number;
  /** The compressed header block of a request, over all of its frames. */
  readonly headerBlock: number;
  /** CONTINUATION frames of one header block. */
  readonly continuations: number;
  /** The header list of a request, as RFC 9113 counts it (SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly headerList: number;
  /** Entries of one SETTINGS frame. */
  readonly settingsEntries: number;
  /** What a client may send on a stream before it hears that it was read. */
  readonly streamWindow: number;
  /** The same for the connection as a whole. */
  readonly connectionWindow: number;
  /**
   * Streams that end before their time: reset by the client, refused, or reset by the server because the client broke
   * a rule. A client that is above this gets GOAWAY with ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671).
   */
  readonly resets: Rate;
  /** Frames that make the server work and carry nothing: PING, SETTINGS, PRIORITY, empty DATA and unknown types. */
  readonly controlFrames: Rate;
}

/** A number of events at once, and how many a second after that. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  concurrentStreams: 100,
  headerBlock: 16_384,
  continuations: 8,
  headerList: 16_384,
  settingsEntries: 32,
  streamWindow: 262_144,
  connectionWindow: 1_048_576,
  resets: { burst: 1000, perSecond: 33 },
  controlFrames: { burst: 1000, perSecond: 100 },
};

/** Counts events of one connection against a rate, by a clock in ms that the caller reads. */
export class Allowance {
  readonly #rate: Rate;
  #left: number;
  #at = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#left = rate.burst;
  }

  /** Counts one event at the time `now`. Returns false if it is one too many. */
  take(now: number): boolean {
    if (this.#left < 1) {
      const gained = ((now - this.#at) / 1000) * this.#rate.perSecond;
      this.#left = Math.min(this.#rate.burst, this.#left + Math.max(0, gained));
      this.#at = now;
    }
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
