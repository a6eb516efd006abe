import { ConnectionError } from './connection-error.ts';
import type { ServerConnection } from './connection.ts';
import { byteAt, defaultWindow, errorCode, flag } from './frame.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Requests } from './requests.ts';
import type { ServerStream } from './stream.ts';

/**
 * Shorter frames that complete nothing are counted. gRPC clients send a message in one frame, or its five bytes of
 * header before it; all other frames are as long as the window or the frame size allows.
 */
const shortData = 64;
/** Length of the header of a gRPC message. A frame with nothing else is of use if it begins a message. */
const messageHeader = 5;

/** Reads DATA frames and updates the windows of the server (RFC 9113, sections 5.2 and 6.1). */
export class IncomingData {
  readonly #connection: ServerConnection;
  readonly #requests: Requests;
  readonly #connectionWindow: number;
  readonly #streamWindow: number;
  /** The open stream of the last DATA frame. Most connections have one stream, so the next frame needs no search. */
  #last: ServerStream | undefined;
  /** The stream of the DATA frame that is being read. */
  #stream: ServerStream | undefined;
  #endsStream = false;
  #length = 0;
  /** True if the frame is the header of a message and begins it: the rest may follow in a frame of its own. */
  #beginsMessage = false;
  /** Bytes of the connection's window that the client has used since the last WINDOW_UPDATE. */
  #unread = 0;

  constructor(connection: ServerConnection, requests: Requests, limits: ConnectionLimits) {
    this.#connection = connection;
    this.#requests = requests;
    // The client's windows begin with the default. WINDOW_UPDATE only makes that of the connection larger.
    this.#connectionWindow = Math.max(limits.connectionWindow, defaultWindow);
    this.#streamWindow = limits.streamWindow;
  }

  /** Begins a frame without padding. Its payload follows in parts. */
  begin(streamId: number, length: number, flags: number): void {
    this.#endsStream = (flags & flag.endStream) !== 0;
    this.#length = length;
    this.#stream = this.#accept(streamId, length);
    this.#beginsMessage = length === messageHeader && this.#stream?.isIncomplete === false;
    if (this.#endsStream && this.#stream !== undefined) this.#stream.endsRemotely = true;
  }

  /** Reads a part of the payload of that frame. */
  part(source: Buffer, from: number, to: number, isLast: boolean): void {
    const stream = this.#stream;
    stream?.receive(source, from, to);
    if (!isLast) return;
    this.#stream = undefined;
    this.#complete(stream, this.#length, this.#endsStream);
  }

  /** Reads a whole frame with padding. */
  padded(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    if (from === to) throw new ConnectionError(errorCode.frameSizeError, 'DATA has no padding length');
    const end = to - byteAt(source, from);
    const stream = this.#accept(streamId, to - from);
    this.#beginsMessage = false;
    if (end < from + 1)
      throw new ConnectionError(errorCode.protocolError, 'DATA has more padding than payload');
    const endsStream = (flags & flag.endStream) !== 0;
    if (endsStream && stream !== undefined) stream.endsRemotely = true;
    stream?.receive(source, from + 1, end);
    this.#complete(stream, end - from - 1, endsStream);
  }

  /** Forgets a stream. Must be called when it has closed. */
  forget(stream: ServerStream): void {
    if (this.#last === stream) this.#last = undefined;
  }

  /** Handles the end of a frame, and counts a frame that was of no use: one byte of data costs as much as 16,000. */
  #complete(stream: ServerStream | undefined, length: number, endsStream: boolean): void {
    const isUseful =
      length >= shortData ||
      (stream !== undefined && (endsStream || this.#beginsMessage || (length > 0 && !stream.isIncomplete)));
    if (!isUseful) this.#connection.counts.controlFrame();
    if (endsStream) stream?.receiveEnd();
  }

  /** Counts a frame against the windows. Returns the stream that receives the payload; `undefined` if it is dropped. */
  #accept(streamId: number, length: number): ServerStream | undefined {
    const connection = this.#connection;
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'DATA is on stream 0');
    const stream = this.#last?.id === streamId ? this.#last : this.#requests.openOrClosed(streamId, 'DATA');
    this.#last = stream;
    this.#unread += length;
    // A client cannot exceed the window: it is renewed here, and half of it is longer than a frame.
    if (this.#unread * 2 >= this.#connectionWindow) {
      connection.sendWindowUpdate(0, this.#unread);
      this.#unread = 0;
    }
    if (stream === undefined || stream.halfClosedRemote) {
      if (this.#requests.isIgnored(streamId)) return undefined;
      connection.counts.reset();
      if (stream === undefined) connection.sendReset(streamId, errorCode.streamClosed);
      else stream.abort(errorCode.streamClosed);
      return undefined;
    }
    stream.unread += length;
    // An empty frame needs no window, which may be negative after the acknowledgement (section 6.9.2).
    if (length > 0 && stream.unread > this.#allowedOnStream) {
      connection.counts.reset();
      stream.abort(errorCode.flowControlError);
      return undefined;
    }
    stream.updateWindow();
    return stream;
  }

  /** Until the client has acknowledged a smaller window, it may use the default one (section 6.5.3). */
  get #allowedOnStream(): number {
    const window = this.#streamWindow;
    return window >= defaultWindow || this.#connection.settings.acknowledged ? window : defaultWindow;
  }
}
