import type { ServerConnection } from './connection.ts';
import { errorCode, flag, frameHeaderLength, frameType, largestWindow, writeFrameHeader } from './frame.ts';
import type { ErrorCode } from './frame.ts';
import type { SentListener } from './output.ts';
import type { SharedData } from './shared-data.ts';

/** Receives the body of a request. */
export interface StreamHandler {
  /** True if the data that has arrived is useless without further data. */
  readonly isIncomplete?: boolean;
  /** A part of the body has arrived, in `source[from, to)`. The buffer is valid only during the call. */
  data(source: Buffer, from: number, to: number): void;
  /** The client has sent END_STREAM. */
  ended(): void;
  /** The stream ended before the server ended it: the client reset it, or the connection closed. */
  aborted(): void;
}

/** Largest frame that is made of a part of waiting data: it has to fit into the output buffer. */
const maxPart = 65_536;

/** Bytes that wait for the client's window. */
interface WaitingData {
  readonly data: SharedData;
  /** The number of bytes that have been sent. */
  sent: number;
  readonly listener: SentListener | undefined;
}

/**
 * Encodes a header block by HPACK. Called when the block is written: a block that uses the client's dynamic table is
 * only right at its place among the blocks of all streams (RFC 7541, section 2.2).
 */
export type BlockEncoder = () => Uint8Array;

/**
 * A request and its response. The response consists of a header block, data and optional trailers, or of one header
 * block that ends it.
 */
export class ServerStream {
  readonly connection: ServerConnection;
  readonly id: number;
  handler: StreamHandler | undefined;
  /** The client's window: the number of bytes that it accepts on this stream. */
  sendWindow: number;
  /** Bytes that the client has sent since the last WINDOW_UPDATE. */
  unread = 0;
  /** Bytes of the body that have arrived. */
  received = 0;
  /** The value of `content-length`. */
  readonly announced: number | undefined;
  halfClosedRemote = false;
  /** True from the frame with END_STREAM on. It is handled after the rest of its frame, which may end the response. */
  endsRemotely = false;
  #reading = true;
  #closed = false;
  #waiting: WaitingData[] | undefined;
  /** Bytes of the response that wait for the client's window. */
  waitingBytes = 0;
  /** Bytes that have waited for the client's window and were sent. */
  resumedBytes = 0;
  /** Called when the stream has closed, in any way. */
  onClosed: (() => void) | undefined;
  /** Encodes the block that ends the stream, once all waiting data has been sent. */
  #trailers: BlockEncoder | undefined;

  constructor(connection: ServerConnection, id: number, sendWindow: number, announced: number | undefined) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.announced = announced;
  }

  /** True if the response has ended, so that nothing more can be sent. */
  get isEnded(): boolean {
    return this.#closed || this.#trailers !== undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** True if the data that has arrived is useless without further data. */
  get isIncomplete(): boolean {
    return !this.#closed && this.handler?.isIncomplete === true;
  }

  /** Sends the header block of the response. */
  respond(encode: BlockEncoder): void {
    if (!this.isEnded) this.#sendBlock(encode(), false);
  }

  /** Sends data. Notifies `listener` when the kernel has accepted all of it, but not if the stream ends before. */
  send(data: SharedData, listener?: SentListener): void {
    if (this.isEnded) return;
    const { connection } = this;
    const { length } = data;
    if (this.#waiting === undefined && length <= this.sendWindow && length <= connection.sendWindow) {
      this.sendWindow -= length;
      connection.sendWindow -= length;
      connection.sentSincePing = true;
      connection.counts.dataSent(length, false);
      connection.output.sendData(data, this.id);
      if (listener !== undefined) connection.output.whenSent(listener);
      return;
    }
    (this.#waiting ??= []).push({ data, sent: 0, listener });
    connection.output.account.hold(data);
    this.waitingBytes += length;
    this.resume();
  }

  /** Ends the response with a header block: the trailers, or the whole response. Waiting data is sent first. */
  end(encode: BlockEncoder): void {
    if (this.isEnded) return;
    if (this.#waiting === undefined) this.#finish(encode);
    else this.#trailers = encode;
  }

  /** Ends the stream at once, in both directions. */
  reset(code: ErrorCode): void {
    if (this.#closed) return;
    this.#close();
    this.connection.requests.ignoreLateFrames(this.id);
    this.connection.sendReset(this.id, code);
  }

  /** Sends as much of the waiting data as the windows allow. */
  resume(): void {
    const { connection } = this;
    while (this.#waiting !== undefined) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const left = first.data.length - first.sent;
      const allowed = Math.min(this.sendWindow, connection.sendWindow, connection.settings.maxFrameSize);
      const length = Math.min(left, allowed, maxPart);
      if (length < left && length <= 0) return connection.requests.streams.waitForWindow(this);
      this.sendWindow -= length;
      connection.sendWindow -= length;
      const target = connection.output.reserve(frameHeaderLength + length);
      const { at } = connection.output;
      writeFrameHeader(target, at, length, frameType.data, 0, this.id);
      first.data.copyPayload(target, at + frameHeaderLength, first.sent, length);
      first.sent += length;
      this.waitingBytes -= length;
      this.resumedBytes += length;
      connection.counts.dataSent(length, length < left);
      if (length < left) continue;
      this.#waiting.shift();
      connection.output.account.release(first.data);
      if (first.listener !== undefined) connection.output.whenSent(first.listener);
    }
    this.#waiting = undefined;
    connection.requests.streams.unblocked(this);
    if (this.#trailers !== undefined) this.#finish(this.#trailers);
  }

  /** Changes the client's window. Returns false if that exceeds the largest window that is allowed. */
  widen(by: number): boolean {
    this.sendWindow += by;
    return this.sendWindow <= largestWindow;
  }

  /** Sends no WINDOW_UPDATE until `resumeReading`, so that the client stops at the end of its window. */
  pauseReading(): void {
    this.#reading = false;
  }

  resumeReading(): void {
    this.#reading = true;
    this.updateWindow();
  }

  /** Sends WINDOW_UPDATE if the client has used half of the window of the stream. */
  updateWindow(): void {
    if (!this.#reading || this.#closed || this.unread * 2 < this.connection.streamWindow) return;
    this.connection.sendWindowUpdate(this.id, this.unread);
    this.unread = 0;
  }

  /** Passes a part of the body to the handler. */
  receive(source: Buffer, from: number, to: number): void {
    this.received += to - from;
    if (from < to && !this.#closed) this.handler?.data(source, from, to);
  }

  /** Handles END_STREAM of the client. */
  receiveEnd(): void {
    if (this.halfClosedRemote || this.#closed) return;
    this.halfClosedRemote = true;
    if (this.announced !== undefined && this.announced !== this.received) {
      this.connection.counts.reset();
      return this.abort(errorCode.protocolError);
    }
    this.handler?.ended();
  }

  /** Ends the stream because of the client, and calls `aborted` of the handler. With a code, sends RST_STREAM. */
  abort(code?: ErrorCode): void {
    if (this.#closed) return;
    this.#close();
    if (code !== undefined) {
      this.connection.requests.ignoreLateFrames(this.id);
      this.connection.sendReset(this.id, code);
    }
    this.handler?.aborted();
  }

  #finish(encode: BlockEncoder): void {
    this.#trailers = undefined;
    this.#sendBlock(encode(), true);
    this.#close();
    // On a closed stream, RST_STREAM is not allowed (RFC 9113, section 5.1).
    if (this.halfClosedRemote || this.endsRemotely) return;
    // The rest of the request is not needed (section 8.1).
    this.connection.requests.ignoreLateFrames(this.id);
    this.connection.sendReset(this.id, errorCode.noError);
  }

  #sendBlock(block: Uint8Array, isLast: boolean): void {
    this.connection.sentSincePing = true;
    const mostBytes = Math.min(this.connection.settings.maxFrameSize, maxPart);
    const first = block.length <= mostBytes ? block : block.subarray(0, mostBytes);
    let sent = first.length;
    this.#sendPart(first, frameType.headers, isLast ? flag.endStream : 0, sent === block.length);
    while (sent < block.length) {
      const part = block.subarray(sent, sent + mostBytes);
      sent += part.length;
      this.#sendPart(part, frameType.continuation, 0, sent === block.length);
    }
  }

  #sendPart(part: Uint8Array, type: number, flags: number, isLast: boolean): void {
    const { output } = this.connection;
    const target = output.reserve(frameHeaderLength + part.length);
    const { at } = output;
    writeFrameHeader(target, at, part.length, type, flags | (isLast ? flag.endHeaders : 0), this.id);
    target.set(part, at + frameHeaderLength);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { data } of this.#waiting ?? []) this.connection.output.account.release(data);
    this.#waiting = undefined;
    this.waitingBytes = 0;
    this.#trailers = undefined;
    this.connection.remove(this);
    this.onClosed?.();
  }
}
