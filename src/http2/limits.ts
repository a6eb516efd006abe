/** The limits of a connection. Sizes are bytes, rates are per second. */
export interface ConnectionLimits {
  /** Maximum number of open streams; further ones are refused (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreams: number;
  /** Maximum size of the compressed header block of a request, summed over its frames. */
  readonly headerBlock: number;
  /** Maximum number of CONTINUATION frames of one header block. */
  readonly continuations: number;
  /** Maximum size of the header list of a request, as RFC 9113 counts it (SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly headerList: number;
  /** Maximum number of entries of one SETTINGS frame. */
  readonly settingsEntries: number;
  /**
   * Flow-control window of a stream (SETTINGS_INITIAL_WINDOW_SIZE). It is at least 65,535 until the client has
   * acknowledged the setting.
   */
  readonly streamWindow: number;
  /** Flow-control window of the connection: at least 65,535, because no setting makes it smaller. */
  readonly connectionWindow: number;
  /**
   * Streams that end early: the client reset them, the server refused them, or the server reset them because the client
   * broke a rule. A client above this rate gets GOAWAY with ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671).
   */
  readonly resets: Rate;
  /**
   * Frames that cause work but carry little or no data (RFC 9113, section 10.5; CVE-2019-9511 to 9518): PING, SETTINGS,
   * PRIORITY, GOAWAY, unknown types, empty DATA, short DATA that completes nothing, late frames of ended streams, and
   * WINDOW_UPDATE frames that the sent data does not explain. A client above this rate gets GOAWAY with
   * ENHANCE_YOUR_CALM.
   */
  readonly controlFrames: Rate;
}

/** Allows `burst` events at once, and `perSecond` after that. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** The default limits of a connection. */
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

/** A token bucket: counts the events of one connection against a rate. The caller provides the time, in ms. */
export class Allowance {
  readonly #rate: Rate;
  #left: number;
  /** Time of the last refill, in ms; at first that of the first event. */
  #at: number | undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#left = rate.burst;
  }

  /** Counts one event at the time `now`. Returns false if the event exceeds the rate. */
  take(now: number): boolean {
    this.#at ??= now;
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
