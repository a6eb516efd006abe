import { ConnectionError } from './connection-error.ts';
import { errorCode } from './frame.ts';
import { Allowance } from './limits.ts';
import type { ConnectionLimits } from './limits.ts';

/** Counts what makes the server work to no purpose, and ends the connection that does too much of it. */
export class EventCounts {
  readonly #resets: Allowance;
  readonly #controlFrames: Allowance;
  /** Time of the current read, in ms. */
  now = 0;

  constructor(limits: ConnectionLimits) {
    this.#resets = new Allowance(limits.resets);
    this.#controlFrames = new Allowance(limits.controlFrames);
  }

  /** Counts a stream that ended before its time. @throws {ConnectionError} if there are too many. */
  reset(): void {
    if (!this.#resets.take(this.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  /** Counts a frame that carries nothing. @throws {ConnectionError} if there are too many. */
  controlFrame(debugData?: string): void {
    if (!this.#controlFrames.take(this.now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that carry nothing', debugData);
  }
}
