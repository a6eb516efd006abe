import { defaultMaxFrameSize, frameHeaderLength, frameType, writeFrameHeader, writeUint32 } from './frame.ts';

/** Position of the stream identifier in a frame. */
const streamIdAt = 5;
/**
 * The payload of all frames but the last: every client accepts it, so that clients with other settings share the
 * frames.
 */
const partLength = defaultMaxFrameSize;
/** Distance between the beginnings of two frames. */
const frameDistance = frameHeaderLength + partLength;

/**
 * Data that is sent on many streams. Clients with one stream per connection give it the identifier 1, so all of them
 * share its DATA frames, which are never copied.
 */
export class SharedData {
  /** Length of the payload, in bytes. */
  readonly length: number;
  /** The DATA frames for stream 1. They never change. */
  readonly #frames: Buffer;
  #otherId = 0;
  #other: Buffer | undefined;

  constructor(parts: readonly Uint8Array[]) {
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
    const count = Math.max(1, Math.ceil(this.length / partLength));
    const frames = (this.#frames = Buffer.allocUnsafeSlow(this.length + count * frameHeaderLength));
    for (let index = 0; index < count; index += 1) {
      const length = Math.min(partLength, this.length - index * partLength);
      writeFrameHeader(frames, index * frameDistance, length, frameType.data, 0, 1);
    }
    let done = 0;
    for (const part of parts) {
      for (let from = 0; from < part.length;) {
        const end = from + Math.min(part.length - from, partLength - (done % partLength));
        frames.set(part.subarray(from, end), positionOf(done));
        done += end - from;
        from = end;
      }
    }
  }

  /** Length of all frames, in bytes. */
  get framesLength(): number {
    return this.#frames.length;
  }

  /** Returns the DATA frames for a stream. Caches those of stream 1 and of the last other stream. */
  framesFor(streamId: number): Buffer {
    if (streamId === 1) return this.#frames;
    if (this.#other === undefined || this.#otherId !== streamId) {
      this.#other = Buffer.from(this.#frames);
      this.#writeIds(this.#other, 0, streamId);
      this.#otherId = streamId;
    }
    return this.#other;
  }

  /** Returns the header and the payload of each DATA frame for a stream, without copying the payload. */
  partsFor(streamId: number): readonly (readonly [header: Buffer, payload: Buffer])[] {
    const parts: [Buffer, Buffer][] = [];
    for (let at = 0; at < this.#frames.length; at += frameDistance) {
      const header = Buffer.allocUnsafeSlow(frameHeaderLength);
      header.set(this.#frames.subarray(at, at + frameHeaderLength));
      writeUint32(header, streamIdAt, streamId);
      parts.push([header, this.#frames.subarray(at + frameHeaderLength, at + frameDistance)]);
    }
    return parts;
  }

  /** Copies the DATA frames for a stream to `target`, from `at`. */
  copyFrames(target: Buffer, at: number, streamId: number): void {
    target.set(this.#frames, at);
    this.#writeIds(target, at, streamId);
  }

  /** Copies `length` bytes of the payload, from the position `from`, to `target`. */
  copyPayload(target: Buffer, at: number, from: number, length: number): void {
    for (let done = 0; done < length;) {
      const position = positionOf(from + done);
      const part = Math.min(length - done, partLength - ((from + done) % partLength));
      this.#frames.copy(target, at + done, position, position + part);
      done += part;
    }
  }

  #writeIds(target: Buffer, at: number, streamId: number): void {
    for (let frame = 0; frame < this.#frames.length; frame += frameDistance)
      writeUint32(target, at + frame + streamIdAt, streamId);
  }
}

/** Returns the position of a byte of the payload in the frames. */
function positionOf(index: number): number {
  return index + frameHeaderLength * (1 + Math.floor(index / partLength));
}
