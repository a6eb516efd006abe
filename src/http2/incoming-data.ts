import { ConnectionError } from './connection-error.ts';
import type { ServerConnection } from './connection.ts';
import type { EventCounts } from './event-counts.ts';
import { byteAt, errorCode, flag } from './frame.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Requests } from './requests.ts';
import type { ServerStream } from './stream.ts';

/** Reads DATA frames and updates the windows of the server (RFC 9113, sections 5.2 and 6.1). */
export class IncomingData {
  readonly #connection: ServerConnection;
  readonly #requests: Requests;
  readonly #counts: EventCounts;
  readonly #limits: ConnectionLimits;
  /** The stream of the DATA frame that is being read. */
  #stream: ServerStream | undefined;
  #endsStream = false;
  /** Bytes of the connection's window that the client has used since the last WINDOW_UPDATE. */
  #unread = 0;

  constructor(
    connection: ServerConnection,
    requests: Requests,
    counts: EventCounts,
    limits: ConnectionLimits,
  ) {
    this.#connection = connection;
    this.#requests = requests;
    this.#counts = counts;
    this.#limits = limits;
  }

  /** Begins a frame without padding. Its payload follows in parts. */
  begin(streamId: number, length: number, flags: number): void {
    this.#endsStream = (flags & flag.endStream) !== 0;
    this.#stream = this.#accept(streamId, length, length > 0 || this.#endsStream);
  }

  /** Reads a part of the payload of that frame. */
  part(source: Buffer, from: number, to: number, isLast: boolean): void {
    this.#stream?.receive(source, from, to);
    if (isLast && this.#endsStream) this.#stream?.receiveEnd();
  }

  /** Reads a whole frame with padding. */
  padded(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    const padding = to > from ? byteAt(source, from) : to - from;
    const end = to - padding;
    const stream = this.#accept(streamId, to - from, end > from + 1 || (flags & flag.endStream) !== 0);
    if (end < from + 1)
      throw new ConnectionError(errorCode.protocolError, 'DATA has more padding than payload');
    stream?.receive(source, from + 1, end);
    if ((flags & flag.endStream) !== 0) stream?.receiveEnd();
  }

  /** Counts a frame against the windows. Returns the stream that receives the payload; `undefined` if it is dropped. */
  #accept(streamId: number, length: number, carriesSomething: boolean): ServerStream | undefined {
    const connection = this.#connection;
    const { connectionWindow, streamWindow } = this.#limits;
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'DATA is on stream 0');
    if (!carriesSomething) this.#counts.controlFrame();
    const stream = this.#requests.openOrClosed(streamId, 'DATA');
    this.#unread += length;
    if (this.#unread > connectionWindow)
      throw new ConnectionError(
        errorCode.flowControlError,
        'the client exceeded the window of the connection',
      );
    if (this.#unread * 2 >= connectionWindow) {
      connection.sendWindowUpdate(0, this.#unread);
      this.#unread = 0;
    }
    if (stream === undefined || stream.halfClosedRemote) {
      if (this.#requests.isIgnored(streamId)) return undefined;
      this.#counts.reset();
      if (stream === undefined) connection.sendReset(streamId, errorCode.streamClosed);
      else stream.abort(errorCode.streamClosed);
      return undefined;
    }
    stream.unread += length;
    if (stream.unread > streamWindow) {
      this.#counts.reset();
      stream.abort(errorCode.flowControlError);
      return undefined;
    }
    stream.updateWindow();
    return stream;
  }
}
