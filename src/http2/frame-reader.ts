import {
  byteAt,
  clientPreface,
  defaultMaxFrameSize,
  flag,
  frameHeaderLength,
  frameType,
  readStreamId,
} from './frame.ts';

/** Receives the frames of a client. Buffers are valid only during the call. */
export interface FrameSink {
  /** The client's preface is complete. */
  preface(): void;
  /** The client has sent other bytes than the preface of HTTP/2. */
  notHttp2(): void;
  /** The payload of a frame is longer than SETTINGS_MAX_FRAME_SIZE. */
  tooLarge(): void;
  /** A DATA frame without padding begins. Its payload follows in parts. Returns false to read nothing more. */
  dataBegins(streamId: number, length: number, flags: number): boolean;
  /** A part of the payload of that frame, in `source[from, to)`. */
  dataPart(source: Buffer, from: number, to: number, isLast: boolean): void;
  /** Any other frame has arrived, with its payload in `source[from, to)`. Returns false to read nothing more. */
  frame(type: number, flags: number, streamId: number, source: Buffer, from: number, to: number): boolean;
}

/**
 * Splits the bytes of a connection into frames, without copying them. Only a frame that continues in the next read is
 * copied, unless it is DATA.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Bytes of the preface that have not arrived. */
  #prefaceLeft = clientPreface.length;
  /** The beginning of an incomplete frame, with its header. */
  #held: Buffer | undefined;
  #heldLength = 0;
  /** Bytes of the payload of a DATA frame that have not arrived. */
  #dataLeft = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** True if the preface has been read. */
  get begun(): boolean {
    return this.#prefaceLeft === 0;
  }

  /** Ignores all further bytes. */
  stop(): void {
    this.#stopped = true;
    this.#held = undefined;
  }

  /** Reads `source[from, to)`. */
  read(source: Buffer, from: number, to: number): void {
    let at = this.#prefaceLeft > 0 ? this.#readPreface(source, from, to) : from;
    while (at < to && !this.#stopped) {
      if (this.#dataLeft > 0) at = this.#readData(source, at, to);
      else if (this.#heldLength > 0) at = this.#complete(source, at, to);
      else at = this.#readFrame(source, at, to);
    }
  }

  #readPreface(source: Buffer, from: number, to: number): number {
    const done = clientPreface.length - this.#prefaceLeft;
    const end = Math.min(to, from + this.#prefaceLeft);
    if (source.compare(clientPreface, done, done + end - from, from, end) !== 0) {
      this.stop();
      this.#sink.notHttp2();
      return to;
    }
    this.#prefaceLeft -= end - from;
    if (this.#prefaceLeft === 0) this.#sink.preface();
    return end;
  }

  #readData(source: Buffer, at: number, to: number): number {
    const end = Math.min(to, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    this.#sink.dataPart(source, at, end, this.#dataLeft === 0);
    return end;
  }

  /** Reads the frame at `at`, or holds its beginning. Returns the position after the bytes that were read. */
  #readFrame(source: Buffer, at: number, to: number): number {
    if (to - at < frameHeaderLength) return this.#hold(source, at, to);
    const length = payloadLength(source, at);
    if (length > defaultMaxFrameSize) return this.#refuse(to);
    const payload = at + frameHeaderLength;
    if (isPlainData(source, at)) {
      this.#beginData(source, at, length);
      return payload;
    }
    if (to < payload + length) return this.#hold(source, at, to);
    this.#hand(source, at, length);
    return payload + length;
  }

  /** Adds bytes to the held frame. Returns the position after them. */
  #complete(source: Buffer, at: number, to: number): number {
    if (this.#heldLength < frameHeaderLength) {
      const end = Math.min(to, at + frameHeaderLength - this.#heldLength);
      this.#hold(source, at, end);
      if (this.#heldLength < frameHeaderLength) return end;
      return this.#headerComplete(end, to);
    }
    const held = this.#held ?? source;
    const length = payloadLength(held, 0);
    const end = Math.min(to, at + frameHeaderLength + length - this.#heldLength);
    this.#hold(source, at, end);
    if (this.#heldLength === frameHeaderLength + length) this.#handHeld(length);
    return end;
  }

  /** Handles the header of the held frame, which is complete now. The payload begins at `at`. */
  #headerComplete(at: number, to: number): number {
    const held = this.#held;
    if (held === undefined) return at;
    const length = payloadLength(held, 0);
    if (length > defaultMaxFrameSize) return this.#refuse(to);
    if (isPlainData(held, 0)) {
      this.#release();
      this.#beginData(held, 0, length);
    } else if (length === 0) this.#handHeld(0);
    return at;
  }

  #beginData(source: Buffer, at: number, length: number): void {
    const flags = byteAt(source, at + 4);
    if (!this.#sink.dataBegins(readStreamId(source, at + 5), length, flags)) return this.stop();
    this.#dataLeft = length;
    if (length === 0) this.#sink.dataPart(source, at, at, true);
  }

  #handHeld(length: number): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#release();
    this.#hand(held, 0, length);
  }

  #hand(source: Buffer, at: number, length: number): void {
    const payload = at + frameHeaderLength;
    const [type, flags] = [byteAt(source, at + 3), byteAt(source, at + 4)];
    if (!this.#sink.frame(type, flags, readStreamId(source, at + 5), source, payload, payload + length))
      this.stop();
  }

  #refuse(to: number): number {
    this.stop();
    this.#sink.tooLarge();
    return to;
  }

  #hold(source: Buffer, at: number, to: number): number {
    const length = this.#heldLength + to - at;
    if (this.#held === undefined || this.#held.length < length) {
      // Once the header is known, allocate the whole frame: its length is limited by SETTINGS_MAX_FRAME_SIZE.
      const known =
        this.#held !== undefined && this.#heldLength >= frameHeaderLength
          ? frameHeaderLength + payloadLength(this.#held, 0)
          : length;
      const grown = Buffer.allocUnsafeSlow(Math.max(known, length));
      this.#held?.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    source.copy(this.#held, this.#heldLength, at, to);
    this.#heldLength = length;
    return to;
  }

  #release(): void {
    this.#held = undefined;
    this.#heldLength = 0;
  }
}

function payloadLength(source: Buffer, at: number): number {
  return (byteAt(source, at) << 16) | (byteAt(source, at + 1) << 8) | byteAt(source, at + 2);
}

function isPlainData(source: Buffer, at: number): boolean {
  return byteAt(source, at + 3) === frameType.data && (byteAt(source, at + 4) & flag.padded) === 0;
}
