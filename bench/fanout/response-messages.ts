/** A byte of flags and four bytes of length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export const messageHeaderLength = 5;
/** Maximum number of buffers that are kept for the next messages. */
const maxSpare = 16;

/** Buffers for messages that arrive in several parts. The proxies of a process share them. */
const spare: Buffer[] = [];

/** Receives a message in `source[from, to)`. The bytes are valid only during the call. */
export type OnMessage = (source: Buffer, from: number, to: number) => void;

/**
 * Splits the body of a response into messages. A message within one part is not copied. Unlike the `MessageReader` of
 * the server, it trusts the announced length and keeps buffers of any length, so that a message of 128 KB is copied
 * once.
 */
export class ResponseMessages {
  readonly #onMessage: OnMessage;
  /** The header of an incomplete message. */
  readonly #header = Buffer.alloc(messageHeaderLength);
  #headerBytes = 0;
  /** An incomplete message, once its header is complete. */
  #buffer: Buffer | undefined;
  #length = 0;
  #filled = 0;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** Reads `source[from, to)`. @throws {Error} if a message is compressed. */
  read(source: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to) at = this.#headerBytes === 0 ? this.#begin(source, at, to) : this.#go(source, at, to);
  }

  /** Reads the message at `at`, or copies its beginning. Returns the position after the bytes that were read. */
  #begin(source: Buffer, at: number, to: number): number {
    const start = at + messageHeaderLength;
    if (start > to) return this.#go(source, at, to);
    const end = start + lengthIn(source, at);
    if (end > to) return this.#go(source, at, to);
    this.#onMessage(source, start, end);
    return end;
  }

  /** Copies a part of a message, and passes the message on if it is complete then. */
  #go(source: Buffer, from: number, to: number): number {
    const start = Math.min(to, from + messageHeaderLength - this.#headerBytes);
    source.copy(this.#header, this.#headerBytes, from, start);
    this.#headerBytes += start - from;
    if (this.#headerBytes < messageHeaderLength) return start;
    this.#buffer ??= this.#allocate();
    const end = Math.min(to, start + this.#length - this.#filled);
    source.copy(this.#buffer, this.#filled, start, end);
    this.#filled += end - start;
    if (this.#filled === this.#length) this.#complete(this.#buffer);
    return end;
  }

  #allocate(): Buffer {
    this.#length = lengthIn(this.#header, 0);
    const buffer = spare.pop();
    return buffer !== undefined && buffer.length >= this.#length
      ? buffer
      : Buffer.allocUnsafeSlow(this.#length);
  }

  #complete(buffer: Buffer): void {
    const length = this.#length;
    this.#buffer = undefined;
    [this.#headerBytes, this.#filled, this.#length] = [0, 0, 0];
    this.#onMessage(buffer, 0, length);
    if (spare.length < maxSpare) spare.push(buffer);
  }
}

/** Returns the length of the message whose header is at `at`. */
function lengthIn(source: Buffer, at: number): number {
  if (source[at] !== 0) throw new Error('a response is compressed');
  return source.readUInt32BE(at + 1);
}
