import { ClientSettings } from './client-settings.ts';
import { ConnectionError } from './connection-error.ts';
import { writeGoAway, writePing, writeReset, writeSettings, writeWindowUpdate } from './control-frames.ts';
import { receiveGoAway, receivePing, receiveSettings, receiveWindowUpdate } from './control-rules.ts';
import { defaultWindow, errorCode, frameType, largestWindow, setting } from './frame.ts';
import type { ErrorCode } from './frame.ts';
import { EventCounts } from './event-counts.ts';
import type { ReadTime } from './event-counts.ts';
import { FrameReader } from './frame-reader.ts';
import type { FrameSink } from './frame-reader.ts';
import { HeaderBlocks } from './header-blocks.ts';
import { HpackError } from './hpack/decoder.ts';
import type { SharedFields } from './hpack/shared-fields.ts';
import { IncomingData } from './incoming-data.ts';
import type { ConnectionLimits } from './limits.ts';
import { Output } from './output.ts';
import type { OutputOwner, Wire } from './output.ts';
import type { OutputPool } from './output-pool.ts';
import type { RequestHead } from './request-head.ts';
import { Requests } from './requests.ts';
import type { ServerStream, StreamHandler } from './stream.ts';

/** Receives the events of a connection. */
export interface ConnectionHandler {
  /** A request begins. Returns the handler of its body; `undefined` if the response has already ended. */
  request(stream: ServerStream, head: RequestHead): StreamHandler | undefined;
  /** The client violated the protocol or exceeded a limit: GOAWAY with this code was sent. */
  failed?(code: ErrorCode, reason: string): void;
  /** The last open stream has ended. More may follow. */
  idle?(): void;
  /** The client has acknowledged the PING with this payload. */
  pong?(payload: number): void;
  /** The client has not taken its output, and the memory for it is used up. The connection must be destroyed. */
  outputExceeded?(): void;
}

/** The resources that the connections of a server share. */
export interface ConnectionShared {
  readonly pool: OutputPool;
  readonly fields: SharedFields;
  readonly limits: ConnectionLimits;
  readonly time: ReadTime;
}

/**
 * The server side of an HTTP/2 connection (RFC 9113), without a socket. The caller passes bytes to `receive`; output is
 * written to a {@link Wire}. Server push and priorities are not supported.
 */
export class ServerConnection implements FrameSink, OutputOwner {
  readonly output: Output;
  readonly settings: ClientSettings;
  readonly #limits: ConnectionLimits;
  readonly #time: ReadTime;
  readonly #handler: ConnectionHandler;
  readonly #reader: FrameReader;
  readonly counts: EventCounts;
  readonly requests: Requests;
  readonly #blocks: HeaderBlocks;
  readonly #data: IncomingData;
  /** True if DATA may follow: SETTINGS has arrived, and no header block is incomplete. */
  #allowsData = false;
  #closed = false;
  #isReading = false;
  #afterRead: (() => void)[] | undefined;
  /** Number of open streams. Counted here, where each write reads it. */
  streamCount = 0;
  /** The client's window: the number of bytes that it accepts on the connection. */
  sendWindow: number = defaultWindow;
  /** True if a part of a response was sent since the client's last PING. */
  sentSincePing = false;

  constructor(shared: ConnectionShared, wire: Wire, handler: ConnectionHandler) {
    const { limits } = shared;
    this.#limits = limits;
    this.#time = shared.time;
    this.#handler = handler;
    this.output = new Output(shared.pool, wire, this);
    this.settings = new ClientSettings(limits.settingsEntries);
    this.#reader = new FrameReader(this);
    this.counts = new EventCounts(limits, shared.time);
    this.requests = new Requests(this, limits, shared.fields, handler);
    this.#blocks = new HeaderBlocks(limits, this.requests);
    this.#data = new IncomingData(this, this.requests, limits);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** True if the client has sent its preface and its settings. */
  get begun(): boolean {
    return this.settings.seen;
  }

  /** The server's window for each stream, in bytes. */
  get streamWindow(): number {
    return this.#limits.streamWindow;
  }

  /** Reads `source[from, to)`. `now` is the time in ms of a monotonic clock. */
  receive(source: Buffer, from: number, to: number, now: number): void {
    if (this.#closed) return;
    this.#time.now = now;
    this.output.begin();
    this.#isReading = true;
    try {
      this.#reader.read(source, from, to);
    } catch (error) {
      this.fail(error);
    }
    this.#isReading = false;
    this.#finishRead();
    this.output.end();
  }

  /**
   * Calls back once all frames of the current read are processed, before the output that they cause is written. Returns
   * false between reads.
   */
  afterRead(callback: () => void): boolean {
    if (this.#isReading) (this.#afterRead ??= []).push(callback);
    return this.#isReading;
  }

  #finishRead(): void {
    const callbacks = this.#afterRead;
    if (callbacks === undefined) return;
    this.#afterRead = undefined;
    try {
      for (const callback of callbacks) callback();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends PING. When the client acknowledges it, the payload is passed to `pong`. */
  ping(payload: number): void {
    if (!this.#closed) writePing(this.output, payload);
  }

  /**
   * Sends GOAWAY, which asks the client to open no more streams. The client may have opened streams that have not
   * arrived, so the first call accepts them. The final call names the last stream that is processed (section 6.8).
   */
  retire(isFinal: boolean): void {
    if (this.#closed) return;
    if (isFinal) this.requests.acceptNoMore();
    writeGoAway(this.output, isFinal ? this.requests.lastStreamId : largestWindow, errorCode.noError);
  }

  /** Sends GOAWAY, then ends all streams and the connection. */
  close(code: ErrorCode = errorCode.noError, debugData = ''): void {
    if (this.#closed) return;
    writeGoAway(this.output, this.requests.lastStreamId, code, debugData);
    this.output.finish();
    this.gone();
  }

  /** Ends all streams and frees the memory. Must be called when the socket has closed. */
  gone(): void {
    if (this.#closed && this.streamCount === 0) return;
    this.#closed = true;
    this.#reader.stop();
    for (const stream of this.requests.streams.all()) stream.abort();
    this.output.abandon();
    this.#blocks.drop();
  }

  // Called by streams, the output and the readers of frames

  outputExceeded(): void {
    this.#handler.outputExceeded?.();
  }

  add(stream: ServerStream): void {
    this.streamCount += 1;
    this.requests.streams.add(stream);
  }

  /** Removes an open stream, which has closed. */
  remove(stream: ServerStream): void {
    this.streamCount -= 1;
    this.requests.streams.remove(stream);
    this.#data.forget(stream);
    if (this.streamCount === 0 && !this.#closed) this.#handler.idle?.();
  }

  sendReset(streamId: number, code: ErrorCode): void {
    writeReset(this.output, streamId, code);
  }

  sendWindowUpdate(streamId: number, by: number): void {
    if (!this.#closed) writeWindowUpdate(this.output, streamId, by);
  }

  // Called by the frame reader

  preface(): void {
    const { concurrentStreams, streamWindow, headerList, connectionWindow } = this.#limits;
    writeSettings(this.output, [
      [setting.maxConcurrentStreams, concurrentStreams],
      [setting.initialWindowSize, streamWindow],
      [setting.maxHeaderListSize, headerList],
    ]);
    writeWindowUpdate(this.output, 0, connectionWindow - defaultWindow);
  }

  notHttp2(): void {
    const reason = 'the connection does not begin with the preface of HTTP/2';
    throw new ConnectionError(errorCode.protocolError, reason);
  }

  tooLarge(): void {
    throw new ConnectionError(errorCode.frameSizeError, 'a frame is longer than SETTINGS_MAX_FRAME_SIZE');
  }

  dataBegins(streamId: number, length: number, flags: number): boolean {
    if (!this.#allowsData) throw new ConnectionError(errorCode.protocolError, 'DATA is not allowed here');
    this.#data.begin(streamId, length, flags);
    return true;
  }

  dataPart(source: Buffer, from: number, to: number, isLast: boolean): void {
    this.#data.part(source, from, to, isLast);
  }

  frame(type: number, flags: number, streamId: number, source: Buffer, from: number, to: number): boolean {
    if (!this.settings.seen && type !== frameType.settings)
      throw new ConnectionError(errorCode.protocolError, 'the first frame is not SETTINGS');
    this.#blocks.checkNext(type, streamId);
    switch (type) {
      case frameType.data:
        this.#data.padded(flags, streamId, source, from, to);
        break;
      case frameType.headers:
        this.#blocks.headers(flags, streamId, source, from, to);
        break;
      case frameType.continuation:
        this.#blocks.continuation(flags, source, from, to);
        break;
      case frameType.priority:
        this.counts.controlFrame();
        this.requests.priority(streamId, source, from, to);
        break;
      case frameType.rstStream:
        this.requests.rstStream(streamId, to - from);
        break;
      case frameType.settings:
        receiveSettings(this, flags, streamId, source, from, to);
        break;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'a client must not send PUSH_PROMISE');
      case frameType.ping: {
        const answered = receivePing(this, flags, streamId, source, from, to);
        if (answered !== undefined) this.#handler.pong?.(answered);
        break;
      }
      case frameType.goAway:
        receiveGoAway(this, streamId, to - from);
        break;
      case frameType.windowUpdate:
        receiveWindowUpdate(this, streamId, source, from, to);
        break;
      default:
        this.counts.controlFrame();
    }
    this.#allowsData = this.settings.seen && !this.#blocks.isOpen;
    return !this.#closed;
  }

  /** Closes the connection after an error: of the client, or of this program, which must not harm other connections. */
  fail(error: unknown): void {
    if (this.#closed) return;
    const [code, debugData] =
      error instanceof ConnectionError
        ? [error.code, error.debugData]
        : [error instanceof HpackError ? errorCode.compressionError : errorCode.internalError, ''];
    this.close(code, debugData);
    this.#handler.failed?.(code, error instanceof Error ? error.message : String(error));
  }
}
