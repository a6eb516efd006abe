import type { ServerConnection } from './connection.ts';
import { errorCode, flag, frameHeaderLength, frameType, largestWindow, writeFrameHeader } from './frame.ts';
import type { ErrorCode } from './frame.ts';
import type { SharedData } from './shared-data.ts';

/** What the application does with a request. */
export interface StreamHandler {
  /** A part of the request's body. The buffer is valid during the call only. */
  data(source: Buffer, from: number, to: number): void;
  /** The client has sent everything. */
  ended(): void;
  /** The stream is over before the server ended it: reset by the client, or with its connection. */
  aborted(): void;
}

/** Bytes that wait for the client's window. */
interface Waiting {
  readonly bytes: Buffer;
  /** What of them has been sent. */
  sent: number;
  readonly whenSent: (() => void) | undefined;
}

/**
 * A request and its response. The response is one header block, data, and trailers or none; blocks are HPACK that the
 * caller has encoded, frames with END_STREAM are its end.
 */
export class ServerStream {
  readonly connection: ServerConnection;
  readonly id: number;
  handler: StreamHandler | undefined;
  /** What the client accepts on this stream. */
  sendWindow: number;
  /** What the client has sent since it was last told that it was read. */
  unread = 0;
  /** Octets of the body that have come, and that `content-length` announces. */
  received = 0;
  readonly announced: number | undefined;
  halfClosedRemote = false;
  #reading = true;
  #halfClosedLocal = false;
  #closed = false;
  #waiting: Waiting[] | undefined;
  /** A block that ends the stream once nothing waits any more. */
  #trailers: Buffer | undefined;

  constructor(connection: ServerConnection, id: number, sendWindow: number, announced: number | undefined) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.announced = announced;
  }

  /** Nothing can be sent any more. */
  get isEnded(): boolean {
    return this.#halfClosedLocal || this.#closed || this.#trailers !== undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Bytes of the response that wait for the client's window. */
  get waitingBytes(): number {
    return this.#waiting?.reduce((sum, { bytes, sent }) => sum + bytes.length - sent, 0) ?? 0;
  }

  /** Sends the header block of the response. */
  respond(block: Uint8Array): void {
    if (!this.isEnded) this.#sendBlock(block, false);
  }

  /** Sends data. `whenSent` is called once the kernel has taken all of it; never if the stream ends before. */
  send(data: SharedData, whenSent?: () => void): void {
    if (this.isEnded) return;
    const { connection } = this;
    const { length } = data;
    const fits =
      length <= this.sendWindow &&
      length <= connection.sendWindow &&
      length <= connection.settings.maxFrameSize;
    if (this.#waiting === undefined && fits) {
      this.sendWindow -= length;
      connection.sendWindow -= length;
      connection.sentSincePing = true;
      connection.output.send(data.frameFor(this.id));
      if (whenSent !== undefined) connection.output.whenSent(whenSent);
      return;
    }
    (this.#waiting ??= []).push({ bytes: data.payload, sent: 0, whenSent });
    this.resume();
  }

  /** Ends the response with a header block: the trailers, or all of it. What waits goes first. */
  end(block: Uint8Array): void {
    if (this.isEnded) return;
    if (this.#waiting === undefined) this.#finish(block);
    else this.#trailers = Buffer.from(block);
  }

  /** Ends the stream at once, in both directions. */
  reset(code: ErrorCode): void {
    if (this.#closed) return;
    this.#close();
    this.connection.sendReset(this.id, code);
  }

  /** Sends as much of what waits as the windows allow. */
  resume(): void {
    const { connection } = this;
    while (this.#waiting !== undefined) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const left = first.bytes.length - first.sent;
      const length = Math.min(left, this.sendWindow, connection.sendWindow, connection.settings.maxFrameSize);
      if (length <= 0) return connection.requests.streams.waitForWindow(this);
      this.sendWindow -= length;
      connection.sendWindow -= length;
      const target = connection.output.reserve(frameHeaderLength + length);
      const { at } = connection.output;
      writeFrameHeader(target, at, length, frameType.data, 0, this.id);
      first.bytes.copy(target, at + frameHeaderLength, first.sent, first.sent + length);
      first.sent += length;
      if (length < left) continue;
      this.#waiting.shift();
      if (first.whenSent !== undefined) connection.output.whenSent(first.whenSent);
    }
    this.#waiting = undefined;
    if (this.#trailers !== undefined) this.#finish(this.#trailers);
  }

  /** The client changed the window. Returns false if that makes it larger than it may be. */
  widen(by: number): boolean {
    this.sendWindow += by;
    return this.sendWindow <= largestWindow;
  }

  /** Makes the client stop: no more is read than the window of the stream has left, until `resumeReading`. */
  pauseReading(): void {
    this.#reading = false;
  }

  resumeReading(): void {
    this.#reading = true;
    this.updateWindow();
  }

  /** Returns what the client has used of the window of the stream, once that is worth a frame. */
  updateWindow(): void {
    if (!this.#reading || this.#closed || this.unread * 2 < this.connection.streamWindow) return;
    this.connection.sendWindowUpdate(this.id, this.unread);
    this.unread = 0;
  }

  /** A part of the body has come. */
  receive(source: Buffer, from: number, to: number): void {
    this.received += to - from;
    if (from < to && !this.#closed) this.handler?.data(source, from, to);
  }

  /** The client has sent END_STREAM. */
  receiveEnd(): void {
    if (this.halfClosedRemote || this.#closed) return;
    this.halfClosedRemote = true;
    if (this.announced !== undefined && this.announced !== this.received) {
      this.connection.countReset();
      return this.abort(errorCode.protocolError);
    }
    if (this.#halfClosedLocal) return this.#close();
    this.handler?.ended();
  }

  /** Ends the stream because of the client, with RST_STREAM if there is a code, and tells the handler. */
  abort(code?: ErrorCode): void {
    if (this.#closed) return;
    this.#close();
    if (code !== undefined) this.connection.sendReset(this.id, code);
    this.handler?.aborted();
  }

  #finish(block: Uint8Array): void {
    this.#trailers = undefined;
    this.#halfClosedLocal = true;
    this.#sendBlock(block, true);
    if (this.halfClosedRemote) return this.#close();
    // The rest of the request is of no use any more (RFC 9113, section 8.1).
    this.#close();
    this.connection.requests.ignoreLateFrames(this.id);
    this.connection.sendReset(this.id, errorCode.noError);
  }

  #sendBlock(block: Uint8Array, isLast: boolean): void {
    const { output } = this.connection;
    this.connection.sentSincePing = true;
    const target = output.reserve(frameHeaderLength + block.length);
    const { at } = output;
    const flags = flag.endHeaders | (isLast ? flag.endStream : 0);
    writeFrameHeader(target, at, block.length, frameType.headers, flags, this.id);
    target.set(block, at + frameHeaderLength);
  }

  #close(): void {
    this.#closed = true;
    this.#waiting = undefined;
    this.#trailers = undefined;
    this.connection.remove(this);
  }
}
