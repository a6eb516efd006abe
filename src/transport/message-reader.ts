import { bufferLengthFor } from './message-buffers.ts';
import type { MessageBuffers } from './message-buffers.ts';

/** Receives the messages of a request. */
export interface MessageSink {
  /** A message is complete. Its bytes are valid only during the call. */
  message(bytes: Buffer): void;
  /** A message cannot be read. Nothing is read after it. */
  unreadable(reason: 'too-long' | 'compressed' | 'over-budget', length: number): void;
  /**
   * Returns the range `[start, end)` of a message that the reader may skip, given its first bytes; `undefined` if all
   * bytes are needed. The range is skipped only if the message arrives in several parts.
   */
  unwanted?(start: Buffer): { readonly start: number; readonly end: number } | undefined;
}

/** The memory that incomplete messages may use: of one connection, or of all. */
export interface ReadBudget {
  /** Takes bytes from the budget. Returns false, and takes none, if fewer are left. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** A byte of flags and four bytes of length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const headerLength = 5;
const firstAllocation = 4096;

/**
 * Splits the body of a request into messages. The body may arrive in parts of any length. A message within one part
 * is not copied. The memory for an incomplete message grows with the bytes that arrive, not with the length that its
 * header announces.
 */
export class MessageReader {
  // The fields that a whole message needs come first, so that they share cache lines.
  readonly #sink: MessageSink;
  readonly #limit: number;
  #stopped = false;
  #headerBytes = 0;
  /** Bytes of the message that have not arrived; `undefined` between messages. */
  #missing: number | undefined;
  readonly #budget: ReadBudget;
  readonly #buffers: MessageBuffers;
  #header = 0;
  #flags = 0;
  /** Length of the message that is being read. */
  #length = 0;
  #buffer: Buffer | undefined;
  /** Bytes in the buffer. */
  #kept = 0;
  /** Position in the message. */
  #position = 0;
  /** The range of the message that is skipped. */
  #skipFrom = 0;
  #skipTo = 0;

  constructor(limit: number, budget: ReadBudget, buffers: MessageBuffers, sink: MessageSink) {
    this.#limit = limit;
    this.#budget = budget;
    this.#buffers = buffers;
    this.#sink = sink;
  }

  /** True if a message has begun and is not complete. */
  get isInside(): boolean {
    return this.#headerBytes > 0 || this.#missing !== undefined;
  }

  /** Memory of the incomplete message, in bytes. */
  get heldBytes(): number {
    return this.#buffer?.length ?? 0;
  }

  /** Reads `source[from, to)`. */
  read(source: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && !this.#stopped) {
      const whole = this.isInside ? 0 : this.#wholeLength(source, at, to);
      if (whole > 0) {
        at += whole;
        this.#sink.message(source.subarray(at - whole + headerLength, at));
        continue;
      }
      if (this.#missing === undefined) at = this.#readHeader(source, at, to);
      if (this.#missing !== undefined && !this.#stopped) at = this.#readBody(source, at, to);
    }
  }

  /** Frees the memory and reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  /** Returns the length of the message at `at` with its header; 0 if it is incomplete or cannot be read. */
  #wholeLength(source: Buffer, at: number, to: number): number {
    if (to - at < headerLength || source[at] !== 0) return 0;
    const length = source.readUInt32BE(at + 1);
    return length <= this.#limit && length <= to - at - headerLength ? headerLength + length : 0;
  }

  #readHeader(source: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && this.#headerBytes < headerLength) {
      const byte = source[at] ?? 0;
      if (this.#headerBytes === 0) this.#flags = byte;
      else this.#header = this.#header * 256 + byte;
      this.#headerBytes += 1;
      at += 1;
    }
    if (this.#headerBytes < headerLength) return at;
    const length = this.#header;
    this.#header = 0;
    this.#headerBytes = 0;
    this.#missing = length;
    this.#length = length;
    this.#position = 0;
    if (this.#flags !== 0) this.#refuse('compressed', length);
    else if (length > this.#limit) this.#refuse('too-long', length);
    return at;
  }

  #readBody(source: Buffer, from: number, to: number): number {
    const missing = this.#missing ?? 0;
    const end = Math.min(to, from + missing);
    this.#missing = missing - (end - from);
    if (this.#position === 0) {
      if (this.#missing === 0) {
        this.#missing = undefined;
        this.#sink.message(source.subarray(from, end));
        return end;
      }
      this.#chooseSkip(source, from, end, missing);
    }
    this.#keep(source, from, end);
    if (this.#missing > 0 || this.#stopped) return end;
    const buffer = this.#buffer;
    const message = buffer?.subarray(0, this.#kept) ?? source.subarray(0, 0);
    this.#missing = undefined;
    this.#buffer = undefined;
    this.#kept = 0;
    if (buffer !== undefined) this.#budget.giveBack(buffer.length);
    this.#sink.message(message);
    if (buffer !== undefined) this.#buffers.giveBack(buffer);
    return end;
  }

  #chooseSkip(source: Buffer, from: number, end: number, length: number): void {
    const range = this.#sink.unwanted?.(source.subarray(from, end));
    // A field that ends after the message is malformed. It is kept, so that the decoder rejects the message.
    const fits = range !== undefined && range.start <= range.end && range.end <= length;
    this.#skipFrom = fits ? range.start : 0;
    this.#skipTo = fits ? range.end : 0;
  }

  /** Copies a part of the message to the buffer, except for the skipped range. */
  #keep(source: Buffer, from: number, end: number): void {
    const begin = this.#position;
    this.#position += end - from;
    const skipFrom = clamp(this.#skipFrom - begin, 0, end - from);
    const skipTo = clamp(this.#skipTo - begin, skipFrom, end - from);
    this.#append(source, from, from + skipFrom);
    this.#append(source, from + skipTo, end);
  }

  #append(source: Buffer, from: number, end: number): void {
    if (from >= end || this.#stopped) return;
    const needed = this.#kept + end - from;
    if (needed > (this.#buffer?.length ?? 0) && !this.#grow(needed)) return;
    if (this.#buffer !== undefined) source.copy(this.#buffer, this.#kept, from, end);
    this.#kept = needed;
  }

  /** Replaces the buffer by a longer one. Returns false if the budget does not allow it. */
  #grow(needed: number): boolean {
    const old = this.#buffer;
    const before = old?.length ?? 0;
    const length = bufferLengthFor(
      Math.max(needed, Math.min(2 * before, this.#length), Math.min(firstAllocation, this.#length)),
    );
    if (!this.#budget.take(length - before)) {
      this.#refuse('over-budget', needed);
      return false;
    }
    const grown = (this.#buffer = this.#buffers.take(length));
    if (old === undefined) return true;
    old.copy(grown, 0, 0, this.#kept);
    this.#buffers.giveBack(old);
    return true;
  }

  #refuse(reason: 'too-long' | 'compressed' | 'over-budget', length: number): void {
    this.stop();
    this.#sink.unreadable(reason, length);
  }

  #release(): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer !== undefined) {
      this.#budget.giveBack(buffer.length);
      this.#buffers.giveBack(buffer);
    }
    this.#kept = 0;
    this.#missing = undefined;
    this.#headerBytes = 0;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Creates a budget. With a parent, bytes are taken from both, and both must have them. */
export function createBudget(limit: number, parent?: ReadBudget): ReadBudget {
  return new Budget(limit, parent);
}

// A class, because each connection has one.
class Budget implements ReadBudget {
  readonly #parent: ReadBudget | undefined;
  #left: number;

  constructor(limit: number, parent: ReadBudget | undefined) {
    this.#parent = parent;
    this.#left = limit;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left || this.#parent?.take(bytes) === false) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
    this.#parent?.giveBack(bytes);
  }
}
