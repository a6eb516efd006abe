import { ConnectionError } from './connection-error.ts';
import { byteAt, errorCode, flag, frameType, readStreamId } from './frame.ts';
import type { ConnectionLimits } from './limits.ts';

/** An incomplete header block. */
interface OpenBlock {
  readonly streamId: number;
  readonly endsStream: boolean;
  readonly parts: Buffer[];
  length: number;
}

/** Receives complete header blocks. */
export interface BlockSink {
  /** A block is complete, in `source[from, to)`. */
  block(streamId: number, endsStream: boolean, source: Buffer, from: number, to: number): void;
}

/** Joins HEADERS and CONTINUATION frames into header blocks (RFC 9113, sections 6.2 and 6.10). */
export class HeaderBlocks {
  readonly #limits: ConnectionLimits;
  readonly #sink: BlockSink;
  #open: OpenBlock | undefined;

  constructor(limits: ConnectionLimits, sink: BlockSink) {
    this.#limits = limits;
    this.#sink = sink;
  }

  /** True if the next frame must be CONTINUATION. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Drops an incomplete block. */
  drop(): void {
    this.#open = undefined;
  }

  /** Checks the next frame. @throws {ConnectionError} if a block is incomplete and not continued (section 4.3). */
  checkNext(type: number, streamId: number): void {
    const block = this.#open;
    if (block !== undefined && (type !== frameType.continuation || streamId !== block.streamId))
      throw new ConnectionError(errorCode.protocolError, 'another frame interrupts a header block');
  }

  headers(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    if (streamId % 2 === 0)
      throw new ConnectionError(errorCode.protocolError, 'HEADERS is on an even stream identifier');
    let [begin, end] = [from, to];
    if ((flags & flag.padded) !== 0) {
      if (begin === end) throw new ConnectionError(errorCode.frameSizeError, 'HEADERS has no padding length');
      end -= byteAt(source, begin);
      begin += 1;
      if (end < begin)
        throw new ConnectionError(errorCode.protocolError, 'HEADERS has more padding than payload');
    }
    if ((flags & flag.priority) !== 0) {
      if (end - begin < 5)
        throw new ConnectionError(errorCode.frameSizeError, 'HEADERS is too short for its priority');
      if (readStreamId(source, begin) === streamId)
        throw new ConnectionError(errorCode.protocolError, 'a stream depends on itself');
      begin += 5;
    }
    const endsStream = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) !== 0) {
      this.#checkLength(end - begin, 1);
      return this.#sink.block(streamId, endsStream, source, begin, end);
    }
    this.#open = { streamId, endsStream, parts: [], length: 0 };
    this.#add(this.#open, source, begin, end);
  }

  continuation(flags: number, source: Buffer, from: number, to: number): void {
    const block = this.#open;
    if (block === undefined)
      throw new ConnectionError(errorCode.protocolError, 'CONTINUATION does not follow HEADERS');
    this.#add(block, source, from, to);
    if ((flags & flag.endHeaders) === 0) return;
    this.#open = undefined;
    const whole = Buffer.concat(block.parts, block.length);
    this.#sink.block(block.streamId, block.endsStream, whole, 0, whole.length);
  }

  #add(block: OpenBlock, source: Buffer, from: number, to: number): void {
    block.length += to - from;
    this.#checkLength(block.length, block.parts.length + 1);
    block.parts.push(Buffer.from(source.subarray(from, to)));
  }

  /** Limits the length and the number of frames of a block (CVE-2024-27316 and similar ones). */
  #checkLength(length: number, frames: number): void {
    const { continuations, headerBlock } = this.#limits;
    if (length > headerBlock || frames > 1 + continuations)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block is too long');
  }
}
