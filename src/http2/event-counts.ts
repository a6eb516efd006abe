import { ConnectionError } from './connection-error.ts';
import { errorCode } from './frame.ts';
import { Allowance } from './limits.ts';
import type { ConnectionLimits } from './limits.ts';

/**
 * Bytes of sent data that explain one WINDOW_UPDATE. Go's HTTP/2 client sends two of them, for the stream and for the
 * connection, for each 4 KiB that it has read; other clients send fewer.
 */
const bytesPerUpdate = 512;
/** A DATA frame that is not cut to a small window explains two updates, however short it is. So does a new stream. */
const frameBonus = 2 * bytesPerUpdate;

/** The time of the current read, in ms. All connections of a server share one object, to save memory. */
export interface ReadTime {
  now: number;
}

/** Counts the events that cause work without use, and ends the connection that exceeds a rate. */
export class EventCounts {
  readonly #time: ReadTime;
  readonly #resets: Allowance;
  readonly #controlFrames: Allowance;
  /** Bytes of sent data, with bonuses, that no WINDOW_UPDATE has been counted against. */
  #unclaimed = 0;

  constructor(limits: ConnectionLimits, time: ReadTime) {
    this.#time = time;
    this.#resets = new Allowance(limits.resets);
    this.#controlFrames = new Allowance(limits.controlFrames);
  }

  /** Counts a stream that ended early. @throws {ConnectionError} if the rate is exceeded. */
  reset(): void {
    if (!this.#resets.take(this.#time.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /** Counts a frame that carries little or no data. @throws {ConnectionError} if the rate is exceeded. */
  controlFrame(debugData?: string): void {
    if (!this.#controlFrames.take(this.#time.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that carry no data', debugData);
  }

  /** Allows the updates that a new stream causes. */
  streamOpened(): void {
    this.#unclaimed += frameBonus;
  }

  /**
   * Allows the updates that a sent DATA frame causes. A frame that ends before its data because of the client's window
   * (`isCut`) explains no more of them than its bytes do: a window of one byte needs an update for each byte
   * (CVE-2019-9511).
   */
  dataSent(length: number, isCut: boolean): void {
    this.#unclaimed += isCut ? length : length + frameBonus;
  }

  /** Counts a WINDOW_UPDATE, unless sent data explains it. @throws {ConnectionError} if the rate is exceeded. */
  windowUpdate(): void {
    if (this.#unclaimed >= bytesPerUpdate) this.#unclaimed -= bytesPerUpdate;
    else this.controlFrame();
  }
}
