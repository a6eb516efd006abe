import { ConnectionError } from './connection-error.ts';
import type { ServerConnection } from './connection.ts';
import { errorCode, largestWindow, readStreamId } from './frame.ts';
import type { ErrorCode } from './frame.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import type { HeaderField } from './hpack/header-field.ts';
import type { SharedFields } from './hpack/shared-fields.ts';
import type { ConnectionLimits } from './limits.ts';
import { OpenStreams } from './open-streams.ts';
import { RequestHead } from './request-head.ts';
import { ServerStream } from './stream.ts';
import type { StreamHandler } from './stream.ts';

/** Handles a new request. Returns what handles its body; undefined if the request was ended already. */
export type RequestHandler = (stream: ServerStream, head: RequestHead) => StreamHandler | undefined;

/** Streams that the server ended, whose late frames are ignored. */
const mostEndedEarly = 32;

/** The requests of a connection: what their header blocks say, and which streams are open. */
export class Requests {
  readonly streams = new OpenStreams();
  readonly #connection: ServerConnection;
  readonly #limits: ConnectionLimits;
  readonly #decoder: HpackDecoder;
  readonly #begin: RequestHandler;
  lastStreamId = 0;
  /** Streams above this are ignored once the last GOAWAY has been sent. */
  #acceptUpTo = largestWindow;
  #endedEarly: readonly number[] = [];

  constructor(
    connection: ServerConnection,
    limits: ConnectionLimits,
    fields: SharedFields,
    begin: RequestHandler,
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#decoder = new HpackDecoder(fields);
    this.#begin = begin;
  }

  /** Ignores streams that the client opens from now on (RFC 9113, section 6.8). */
  acceptNoMore(): void {
    this.#acceptUpTo = this.lastStreamId;
  }

  /** Whether frames of the stream are ignored: it is above the last one, or the server has just ended it. */
  isIgnored(streamId: number): boolean {
    return streamId > this.#acceptUpTo || this.#endedEarly.includes(streamId);
  }

  /** Ignores frames of a stream that the server ended before the client (section 5.1), for the last ones of them. */
  ignoreLateFrames(streamId: number): void {
    this.#endedEarly = [streamId, ...this.#endedEarly.slice(0, mostEndedEarly - 1)];
  }

  /** Returns the stream if it is open, undefined if it was. @throws {ConnectionError} if it never was. */
  openOrClosed(streamId: number, what: string): ServerStream | undefined {
    const stream = this.streams.find(streamId);
    const isIdle = streamId > this.lastStreamId || streamId % 2 === 0;
    if (stream === undefined && isIdle && !this.isIgnored(streamId))
      throw new ConnectionError(errorCode.protocolError, `${what} is on an idle stream`);
    return stream;
  }

  /** Reads a header block: that of a request, or trailers. Blocks of refused requests are decoded, too. */
  block(streamId: number, endsStream: boolean, source: Buffer, from: number, to: number): void {
    const { headerList, concurrentStreams } = this.#limits;
    const head = new RequestHead();
    const onField = (field: HeaderField): void => head.add(field, headerList);
    this.#decoder.decode(source, from, to, onField);
    const open = this.streams.find(streamId);
    if (open !== undefined) return this.#trailers(open, head, endsStream);
    if (streamId <= this.lastStreamId)
      throw new ConnectionError(errorCode.streamClosed, 'HEADERS is on a closed stream');
    if (this.isIgnored(streamId)) return;
    this.lastStreamId = streamId;
    if (head.size > headerList) return this.refuse(streamId, errorCode.enhanceYourCalm);
    if (!head.isRequest) return this.refuse(streamId, errorCode.protocolError);
    if (this.streams.size >= concurrentStreams) return this.refuse(streamId, errorCode.refusedStream);
    const { initialWindow } = this.#connection.settings;
    const stream = new ServerStream(this.#connection, streamId, initialWindow, head.contentLength);
    this.streams.add(stream);
    stream.handler = this.#begin(stream, head);
    if (endsStream) stream.receiveEnd();
  }

  /** Resets a stream for an error of the client. */
  refuse(streamId: number, code: ErrorCode): void {
    this.#connection.countReset();
    const open = this.streams.find(streamId);
    if (open === undefined) this.#connection.sendReset(streamId, code);
    else open.abort(code);
  }

  /** Checks a PRIORITY frame. Priorities are not used (section 5.3.2). */
  priority(streamId: number, source: Buffer, from: number, to: number): void {
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'PRIORITY is on no stream');
    const isSelf = to - from === 5 && readStreamId(source, from) === streamId;
    if (to - from === 5 && !isSelf) return;
    this.refuse(streamId, isSelf ? errorCode.protocolError : errorCode.frameSizeError);
  }

  /** The client cancels a stream. */
  rstStream(streamId: number, length: number): void {
    if (length !== 4) throw new ConnectionError(errorCode.frameSizeError, 'RST_STREAM is not 4 bytes long');
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'RST_STREAM is on no stream');
    const stream = this.openOrClosed(streamId, 'RST_STREAM');
    if (stream === undefined && this.isIgnored(streamId)) return;
    this.#connection.countReset();
    stream?.abort();
  }

  #trailers(stream: ServerStream, head: RequestHead, endsStream: boolean): void {
    if (stream.halfClosedRemote) return this.refuse(stream.id, errorCode.streamClosed);
    if (!endsStream || !head.isTrailers || head.size > this.#limits.headerList)
      return this.refuse(stream.id, errorCode.protocolError);
    stream.receiveEnd();
  }
}
