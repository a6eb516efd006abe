import { ConnectionError } from './connection-error.ts';
import {
  byteAt,
  defaultMaxFrameSize,
  defaultWindow,
  errorCode,
  flag,
  largestWindow,
  readUint32,
  setting,
} from './frame.ts';

/** The settings of the client (RFC 9113, section 6.5). */
export class ClientSettings {
  readonly #maxEntries: number;
  /** True if the first SETTINGS frame has arrived. */
  seen = false;
  /** True if the client has acknowledged the SETTINGS of the server, which are sent once. */
  acknowledged = false;
  /** The client's window for new streams. */
  initialWindow: number = defaultWindow;
  /** The largest frame that the client accepts. */
  maxFrameSize: number = defaultMaxFrameSize;
  /** Size of the client's dynamic table, which the header blocks of responses may use. */
  headerTableSize = 4096;
  /** Number of times that the client made the table smaller. The next header block must then empty the table. */
  tableShrunk = 0;

  /** `maxEntries` limits the number of entries of one frame. */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Checks a frame. Returns false if it is an acknowledgement, which has no entries to apply. */
  check(flags: number, streamId: number, length: number): boolean {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'SETTINGS is on a stream');
    if ((flags & flag.ack) !== 0) {
      if (length !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS with ACK is not empty');
      if (!this.seen)
        throw new ConnectionError(errorCode.protocolError, 'SETTINGS with ACK precedes SETTINGS');
      this.acknowledged = true;
      return false;
    }
    if (length % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS is truncated');
    if (length / 6 > this.#maxEntries)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'SETTINGS has too many entries');
    return true;
  }

  /**
   * Applies the entries. Returns the change of the initial window, which also changes open streams, and the largest
   * change on the way to it: a frame may have the setting several times, and costs no more then.
   */
  apply(source: Buffer, from: number, to: number): { readonly by: number; readonly largest: number } {
    this.seen = true;
    const before = this.initialWindow;
    let largest = 0;
    for (let at = from; at < to; at += 6) {
      this.#applyOne((byteAt(source, at) << 8) | byteAt(source, at + 1), readUint32(source, at + 2));
      largest = Math.max(largest, this.initialWindow - before);
    }
    return { by: this.initialWindow - before, largest };
  }

  #applyOne(identifier: number, value: number): void {
    switch (identifier) {
      case setting.headerTableSize:
        if (value < this.headerTableSize) this.tableShrunk += 1;
        this.headerTableSize = value;
        return;
      case setting.enablePush:
        if (value > 1)
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_ENABLE_PUSH is not 0 or 1');
        return;
      case setting.initialWindowSize:
        if (value > largestWindow)
          throw new ConnectionError(errorCode.flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE is too large');
        this.initialWindow = value;
        return;
      case setting.maxFrameSize:
        if (value < defaultMaxFrameSize || value > 0xffffff)
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_MAX_FRAME_SIZE is out of bounds');
        this.maxFrameSize = value;
        return;
      // A server needs no other setting, and unknown settings are ignored.
      default:
    }
  }
}
