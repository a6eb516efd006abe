import { frameHeaderLength, frameType, writeFrameHeader, writeUint32 } from './frame.ts';

/**
 * Data that is sent on many streams. Clients with one stream per connection give it the identifier 1, so all of them
 * share one frame, which is never copied.
 */
export class SharedData {
  /** The DATA frame for stream 1. It never changes. */
  readonly frame: Buffer;
  #otherId = 0;
  #other: Buffer | undefined;

  constructor(parts: readonly Uint8Array[]) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.frame = Buffer.allocUnsafeSlow(frameHeaderLength + length);
    writeFrameHeader(this.frame, 0, length, frameType.data, 0, 1);
    let at = frameHeaderLength;
    for (const part of parts) {
      this.frame.set(part, at);
      at += part.length;
    }
  }

  /** Length of the payload, in bytes. */
  get length(): number {
    return this.frame.length - frameHeaderLength;
  }

  get payload(): Buffer {
    return this.frame.subarray(frameHeaderLength);
  }

  /** Returns the DATA frame for a stream. Caches the frames of stream 1 and of the last other stream. */
  frameFor(streamId: number): Buffer {
    if (streamId === 1) return this.frame;
    if (this.#other === undefined || this.#otherId !== streamId) {
      this.#other = Buffer.from(this.frame);
      writeUint32(this.#other, 5, streamId);
      this.#otherId = streamId;
    }
    return this.#other;
  }
}
