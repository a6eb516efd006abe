import { ConnectionError } from './connection-error.ts';
import { errorCode } from './frame.ts';
import { Allowance } from './limits.ts';
import type { ConnectionLimits } from './limits.ts';

/** Counts the events that cause work without use, and ends the connection that exceeds a rate. */
export class EventCounts {
  readonly #resets: Allowance;
  readonly #controlFrames: Allowance;
  /** Time of the current read, in ms. */
  now = 0;

  constructor(limits: ConnectionLimits) {
    this.#resets = new Allowance(limits.resets);
    this.#controlFrames = new Allowance(limits.controlFrames);
  }

  /** Counts a stream that ended early. @throws {ConnectionError} if the rate is exceeded. */
  reset(): void {
    if (!this.#resets.take(this.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /** Counts a frame that carries no data. @throws {ConnectionError} if the rate is exceeded. */
  controlFrame(debugData?: string): void {
    if (!this.#controlFrames.take(this.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that carry no data', debugData);
  }
}
