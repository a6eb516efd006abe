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

/** Handles new requests. */
export interface RequestHandler {
  /** A request begins. Returns the handler of its body; `undefined` if the response has already ended. */
  request(stream: ServerStream, head: RequestHead): StreamHandler | undefined;
}

/** The number of remembered streams that the server ended before the client, if fewer may be open. */
const leastEndedEarly = 32;

/** The requests of a connection: decodes their header blocks and keeps the open streams. */
export class Requests {
  readonly streams = new OpenStreams();
  readonly #connection: ServerConnection;
  readonly #limits: ConnectionLimits;
  readonly #decoder: HpackDecoder;
  readonly #handler: RequestHandler;
  /** The head that is being decoded. */
  #head: RequestHead | undefined;
  /** One function for all requests. */
  readonly #onField = (field: HeaderField): void => this.#head?.add(field, this.#limits.headerList);
  lastStreamId = 0;
  /** The last stream that is processed. It is set when the final GOAWAY is sent; later streams are ignored. */
  #acceptUpTo = largestWindow;
  /** Streams that the server ended before the client, the latest last. Most connections have none. */
  #endedEarly: Set<number> | undefined;

  constructor(
    connection: ServerConnection,
    limits: ConnectionLimits,
    fields: SharedFields,
    handler: RequestHandler,
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#decoder = new HpackDecoder(fields);
    this.#handler = handler;
  }

  /** Ignores all streams that the client opens later (RFC 9113, section 6.8). */
  acceptNoMore(): void {
    this.#acceptUpTo = this.lastStreamId;
  }

  /** True if frames of the stream are ignored: it came after the final GOAWAY, or the server has just ended it. */
  isIgnored(streamId: number): boolean {
    return streamId > this.#acceptUpTo || this.#endedEarly?.has(streamId) === true;
  }

  /**
   * Ignores later frames of a stream that the server ended before the client (section 5.1). Many clients reset each of
   * these streams. So as many are remembered as may be open: all may end at once.
   */
  ignoreLateFrames(streamId: number): void {
    const ended = (this.#endedEarly ??= new Set());
    ended.add(streamId);
    if (ended.size <= Math.max(leastEndedEarly, this.#limits.concurrentStreams)) return;
    const [earliest] = ended;
    if (earliest !== undefined) ended.delete(earliest);
  }

  /**
   * Returns the stream if it is open, or `undefined` if it is closed.
   * @throws {ConnectionError} if the client has never opened it (section 5.1, "idle").
   */
  openOrClosed(streamId: number, frameName: string): ServerStream | undefined {
    const stream = this.streams.find(streamId);
    const isIdle = streamId > this.lastStreamId || streamId % 2 === 0;
    if (stream === undefined && isIdle && !this.isIgnored(streamId))
      throw new ConnectionError(errorCode.protocolError, `${frameName} is on an idle stream`);
    return stream;
  }

  /** Reads a header block: of a request, or trailers. Blocks of refused requests change the HPACK table, too. */
  block(streamId: number, endsStream: boolean, source: Buffer, from: number, to: number): void {
    const { headerList, concurrentStreams } = this.#limits;
    const head = (this.#head = new RequestHead());
    this.#decoder.decode(source, from, to, this.#onField);
    const open = this.streams.find(streamId);
    if (open !== undefined) return this.#trailers(open, head, endsStream);
    if (this.isIgnored(streamId)) return this.#connection.counts.controlFrame();
    if (streamId <= this.lastStreamId)
      throw new ConnectionError(errorCode.streamClosed, 'HEADERS is on a closed stream');
    this.lastStreamId = streamId;
    if (head.size > headerList) return this.refuse(streamId, errorCode.enhanceYourCalm);
    if (!head.isRequest) return this.refuse(streamId, errorCode.protocolError);
    if (this.#connection.streamCount >= concurrentStreams)
      return this.refuse(streamId, errorCode.refusedStream);
    const { initialWindow } = this.#connection.settings;
    const stream = new ServerStream(this.#connection, streamId, initialWindow, head.contentLength);
    stream.endsRemotely = endsStream;
    this.#connection.add(stream);
    this.#connection.counts.streamOpened();
    stream.handler = this.#handler.request(stream, head);
    if (endsStream) stream.receiveEnd();
  }

  /** Resets a stream because of an error of the client. */
  refuse(streamId: number, code: ErrorCode): void {
    this.#connection.counts.reset();
    const open = this.streams.find(streamId);
    if (open !== undefined) return open.abort(code);
    this.ignoreLateFrames(streamId);
    this.#connection.sendReset(streamId, code);
  }

  /** Forgets a stream that the server ended before the client. Returns false if it is not remembered. */
  #forget(streamId: number): boolean {
    return this.#endedEarly?.delete(streamId) === true;
  }

  /** Checks a PRIORITY frame. Priorities have no effect (section 5.3.2). */
  priority(streamId: number, source: Buffer, from: number, to: number): void {
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'PRIORITY is on stream 0');
    const isSelf = to - from === 5 && readStreamId(source, from) === streamId;
    if (to - from === 5 && !isSelf) return;
    const code = isSelf ? errorCode.protocolError : errorCode.frameSizeError;
    // RST_STREAM is not allowed on an idle stream (section 6.4).
    if (streamId > this.lastStreamId) throw new ConnectionError(code, 'PRIORITY is malformed');
    this.refuse(streamId, code);
  }

  /** Handles RST_STREAM: the client cancels a stream. */
  rstStream(streamId: number, length: number): void {
    if (length !== 4) throw new ConnectionError(errorCode.frameSizeError, 'RST_STREAM is not 4 bytes long');
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'RST_STREAM is on stream 0');
    const stream = this.openOrClosed(streamId, 'RST_STREAM');
    if (stream === undefined && this.#forget(streamId)) return;
    this.#connection.counts.reset();
    stream?.abort();
  }

  #trailers(stream: ServerStream, head: RequestHead, endsStream: boolean): void {
    if (stream.halfClosedRemote) return this.refuse(stream.id, errorCode.streamClosed);
    if (!endsStream || !head.isTrailers || head.size > this.#limits.headerList)
      return this.refuse(stream.id, errorCode.protocolError);
    stream.receiveEnd();
  }
}
