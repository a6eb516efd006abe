/**
 * This file is long because the rules of RFC 9113 about a connection share the state of the connection: which frame may
 * come next, which streams are open, and what the windows allow. What has a state of its own is in the files beside it.
 */
import {
  byteAt,
  defaultMaxFrameSize,
  defaultWindow,
  errorCode,
  flag,
  frameHeaderLength,
  frameType,
  largestWindow,
  readStreamId,
  readUint32,
  setting,
  writeFrameHeader,
  writeUint32,
} from './frame.ts';
import type { ErrorCode } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import type { FrameSink } from './frame-reader.ts';
import { HpackDecoder, HpackError } from './hpack/decoder.ts';
import type { HeaderField } from './hpack/header-field.ts';
import type { SharedFields } from './hpack/shared-fields.ts';
import { Allowance } from './limits.ts';
import type { ConnectionLimits } from './limits.ts';
import { Output } from './output.ts';
import type { OutputPool, Wire } from './output.ts';
import { RequestHead } from './request-head.ts';
import { ServerStream } from './stream.ts';
import type { StreamHandler } from './stream.ts';

/** What the application is told of a connection. */
export interface ConnectionHandler {
  /** A request begins. Returns what handles its body; undefined if it was ended already. */
  request(stream: ServerStream, head: RequestHead): StreamHandler | undefined;
  /** The client broke the protocol, or went past a limit: GOAWAY with this code was sent. */
  failed?(code: ErrorCode, reason: string): void;
  /** The client answered a PING that `ping` sent. */
  pong?(): void;
}

/** What the connections of a server have in common. */
export interface ConnectionShared {
  readonly pool: OutputPool;
  readonly fields: SharedFields;
  readonly limits: ConnectionLimits;
}

/** A header block that is not complete yet. */
interface OpenBlock {
  readonly streamId: number;
  readonly endsStream: boolean;
  readonly parts: Buffer[];
  length: number;
}

/** A rule of the protocol was broken: the connection ends with this code (RFC 9113, section 5.4.1). */
class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The server's end of an HTTP/2 connection (RFC 9113), without a socket: bytes come in by `receive`, and go out to a
 * wire. Server push and priorities are not used.
 */
export class ServerConnection implements FrameSink {
  readonly output: Output;
  readonly #shared: ConnectionShared;
  readonly #handler: ConnectionHandler;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #resets: Allowance;
  readonly #controlFrames: Allowance;
  /** Mostly there is one stream, so that a map is made for the second one alone. */
  #only: ServerStream | undefined;
  #streams: Map<number, ServerStream> | undefined;
  #blocked: Set<ServerStream> | undefined;
  #block: OpenBlock | undefined;
  /** The stream of the DATA frame that is being read, and whether that ends it. */
  #dataStream: ServerStream | undefined;
  #dataEnds = false;
  #now = 0;
  #lastStreamId = 0;
  #settingsSeen = false;
  #initialWindow = defaultWindow;
  /** What the client has sent since it was last told that it was read. */
  #unread = 0;
  /** No stream above this is accepted once GOAWAY has been sent. */
  #acceptUpTo = largestWindow;
  #closed = false;
  /** What the client accepts on the connection. */
  sendWindow: number = defaultWindow;
  /** The largest frame that the client accepts. */
  maxFrameSize: number = defaultMaxFrameSize;
  /** Size of the client's dynamic table, which the application's header blocks may use. */
  headerTableSize = 4096;
  /** Counts changes of that to less than the default, after which the table has to be emptied. */
  tableShrunk = 0;

  constructor(shared: ConnectionShared, wire: Wire, handler: ConnectionHandler) {
    this.#shared = shared;
    this.#handler = handler;
    this.output = new Output(shared.pool, wire);
    this.#reader = new FrameReader(this);
    this.#decoder = new HpackDecoder(shared.fields);
    this.#resets = new Allowance(shared.limits.resets);
    this.#controlFrames = new Allowance(shared.limits.controlFrames);
  }

  /** Number of open streams. */
  get streams(): number {
    return (this.#only === undefined ? 0 : 1) + (this.#streams?.size ?? 0);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the client has sent its preface and its settings. */
  get begun(): boolean {
    return this.#settingsSeen;
  }

  /** Reads what came, `source[from, to)`, at the time `now` in ms of a clock that never goes back. */
  receive(source: Buffer, from: number, to: number, now: number): void {
    if (this.#closed) return;
    this.#now = now;
    this.output.begin();
    try {
      this.#reader.read(source, from, to);
    } catch (error) {
      this.#fail(error);
    }
    this.output.end();
  }

  /** Asks the client for a sign of life; `pong` tells of the answer. */
  ping(): void {
    if (this.#closed) return;
    const target = this.output.reserve(frameHeaderLength + 8);
    writeFrameHeader(target, this.output.at, 8, frameType.ping, 0, 0);
    target.fill(0, this.output.at + frameHeaderLength, this.output.at + frameHeaderLength + 8);
  }

  /**
   * Tells the client to open no more streams here. First it is only warned, since it may have opened some that are on
   * their way; the second call says which was the last (RFC 9113, section 6.8).
   */
  retire(isFinal: boolean): void {
    if (this.#closed) return;
    if (isFinal) this.#acceptUpTo = this.#lastStreamId;
    this.#sendGoAway(isFinal ? this.#lastStreamId : largestWindow, errorCode.noError);
  }

  /** Sends GOAWAY, ends all streams and then the connection. */
  close(code: ErrorCode = errorCode.noError): void {
    if (this.#closed) return;
    this.#sendGoAway(this.#lastStreamId, code);
    this.output.finish();
    this.gone();
  }

  /** The connection is gone: its streams are over. */
  gone(): void {
    if (this.#closed && this.streams === 0) return;
    this.#closed = true;
    this.#reader.stop();
    const open = [...(this.#only === undefined ? [] : [this.#only]), ...(this.#streams?.values() ?? [])];
    for (const stream of open) stream.abort();
    this.output.abandon();
    this.#block = undefined;
    this.#blocked = undefined;
  }

  /** Every open stream. */
  *openStreams(): Iterable<ServerStream> {
    if (this.#only !== undefined) yield this.#only;
    if (this.#streams !== undefined) yield* this.#streams.values();
  }

  // What streams use

  remove(stream: ServerStream): void {
    this.#blocked?.delete(stream);
    if (this.#only === stream) this.#only = undefined;
    else this.#streams?.delete(stream.id);
  }

  waitForWindow(stream: ServerStream): void {
    (this.#blocked ??= new Set()).add(stream);
  }

  sendReset(streamId: number, code: ErrorCode): void {
    const target = this.output.reserve(frameHeaderLength + 4);
    writeFrameHeader(target, this.output.at, 4, frameType.rstStream, 0, streamId);
    writeUint32(target, this.output.at + frameHeaderLength, code);
  }

  /** Counts a stream that ended before its time. @throws {ConnectionError} if there are too many. */
  countReset(): void {
    if (!this.#resets.take(this.#now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams were reset');
  }

  // What the frame reader calls

  preface(): void {
    const { limits } = this.#shared;
    this.#sendSettings([
      [setting.maxConcurrentStreams, limits.concurrentStreams],
      [setting.initialWindowSize, limits.streamWindow],
      [setting.maxHeaderListSize, limits.headerList],
    ]);
    this.#sendWindow(0, limits.connectionWindow - defaultWindow);
  }

  notHttp2(): void {
    throw new ConnectionError(
      errorCode.protocolError,
      'the connection does not begin with the preface of HTTP/2',
    );
  }

  tooLarge(): void {
    throw new ConnectionError(errorCode.frameSizeError, 'a frame is longer than SETTINGS_MAX_FRAME_SIZE');
  }

  dataBegins(streamId: number, length: number, flags: number): boolean {
    this.#dataEnds = (flags & flag.endStream) !== 0;
    this.#dataStream = this.#acceptData(streamId, length, length > 0 || this.#dataEnds);
    return true;
  }

  dataPart(source: Buffer, from: number, to: number, isLast: boolean): void {
    this.#dataStream?.receive(source, from, to);
    if (isLast && this.#dataEnds) this.#dataStream?.receiveEnd();
  }

  frame(type: number, flags: number, streamId: number, source: Buffer, from: number, to: number): boolean {
    if (!this.#settingsSeen && type !== frameType.settings)
      throw new ConnectionError(errorCode.protocolError, 'the first frame is not SETTINGS');
    const block = this.#block;
    if (block !== undefined && (type !== frameType.continuation || streamId !== block.streamId))
      throw new ConnectionError(errorCode.protocolError, 'a header block is not continued');
    switch (type) {
      case frameType.data:
        this.#paddedData(flags, streamId, source, from, to);
        break;
      case frameType.headers:
        this.#headers(flags, streamId, source, from, to);
        break;
      case frameType.continuation:
        this.#continuation(flags, source, from, to);
        break;
      case frameType.priority:
        this.#priority(streamId, source, from, to);
        break;
      case frameType.rstStream:
        this.#rstStream(streamId, to - from);
        break;
      case frameType.settings:
        this.#settings(flags, streamId, source, from, to);
        break;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'a client must not send PUSH_PROMISE');
      case frameType.ping:
        this.#ping(flags, streamId, source, from, to);
        break;
      case frameType.goAway:
        if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'GOAWAY is on a stream');
        if (to - from < 8) throw new ConnectionError(errorCode.frameSizeError, 'GOAWAY is too short');
        break;
      case frameType.windowUpdate:
        this.#windowUpdate(streamId, source, from, to);
        break;
      default:
        this.#countControlFrame();
    }
    return !this.#closed;
  }

  // Frames

  /** Accounts for a DATA frame. Returns the stream that takes it; undefined if none does. */
  #acceptData(streamId: number, length: number, carriesSomething: boolean): ServerStream | undefined {
    if (!this.#settingsSeen || this.#block !== undefined)
      throw new ConnectionError(errorCode.protocolError, 'DATA is not allowed here');
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'DATA is on no stream');
    if (!carriesSomething) this.#countControlFrame();
    const stream = this.#openOrClosed(streamId, 'DATA');
    const { connectionWindow, streamWindow } = this.#shared.limits;
    this.#unread += length;
    if (this.#unread > connectionWindow)
      throw new ConnectionError(errorCode.flowControlError, 'the window of the connection is exceeded');
    if (this.#unread * 2 >= connectionWindow) {
      this.#sendWindow(0, this.#unread);
      this.#unread = 0;
    }
    if (stream === undefined || stream.halfClosedRemote) {
      this.countReset();
      if (stream === undefined) this.sendReset(streamId, errorCode.streamClosed);
      else stream.abort(errorCode.streamClosed);
      return undefined;
    }
    stream.unread += length;
    if (stream.unread > streamWindow) {
      this.countReset();
      stream.abort(errorCode.flowControlError);
      return undefined;
    }
    if (stream.unread * 2 >= streamWindow) {
      this.#sendWindow(streamId, stream.unread);
      stream.unread = 0;
    }
    return stream;
  }

  #paddedData(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    const padding = to > from ? byteAt(source, from) : to - from;
    const end = to - padding;
    const stream = this.#acceptData(streamId, to - from, end > from + 1 || (flags & flag.endStream) !== 0);
    if (end < from + 1)
      throw new ConnectionError(errorCode.protocolError, 'the padding of DATA is longer than the frame');
    stream?.receive(source, from + 1, end);
    if ((flags & flag.endStream) !== 0) stream?.receiveEnd();
  }

  #headers(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    if (streamId % 2 === 0)
      throw new ConnectionError(errorCode.protocolError, 'HEADERS is on a stream that a client cannot open');
    let [begin, end] = [from, to];
    if ((flags & flag.padded) !== 0) {
      if (begin === end) throw new ConnectionError(errorCode.frameSizeError, 'HEADERS has no padding length');
      end -= byteAt(source, begin);
      begin += 1;
      if (end < begin)
        throw new ConnectionError(errorCode.protocolError, 'the padding of HEADERS is longer than the frame');
    }
    let dependsOnItself = false;
    if ((flags & flag.priority) !== 0) {
      if (end - begin < 5) throw new ConnectionError(errorCode.frameSizeError, 'HEADERS is too short');
      dependsOnItself = readStreamId(source, begin) === streamId;
      begin += 5;
    }
    if (dependsOnItself) throw new ConnectionError(errorCode.protocolError, 'a stream depends on itself');
    const endsStream = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) !== 0) return this.#headerBlock(streamId, endsStream, source, begin, end);
    this.#block = { streamId, endsStream, parts: [], length: 0 };
    this.#addToBlock(this.#block, source, begin, end);
  }

  #continuation(flags: number, source: Buffer, from: number, to: number): void {
    const block = this.#block;
    if (block === undefined)
      throw new ConnectionError(errorCode.protocolError, 'CONTINUATION continues nothing');
    this.#addToBlock(block, source, from, to);
    if ((flags & flag.endHeaders) === 0) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.parts, block.length);
    this.#headerBlock(block.streamId, block.endsStream, whole, 0, whole.length);
  }

  #addToBlock(block: OpenBlock, source: Buffer, from: number, to: number): void {
    const { continuations, headerBlock } = this.#shared.limits;
    block.length += to - from;
    if (block.length > headerBlock || block.parts.length > continuations)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block is too long');
    block.parts.push(Buffer.from(source.subarray(from, to)));
  }

  #headerBlock(streamId: number, endsStream: boolean, source: Buffer, from: number, to: number): void {
    const { headerList } = this.#shared.limits;
    const head = new RequestHead();
    const onField = (field: HeaderField): void => {
      head.add(field, headerList);
    };
    this.#decoder.decode(source, from, to, onField);
    const open = this.#find(streamId);
    if (open !== undefined) return this.#trailers(open, head, endsStream);
    if (streamId <= this.#lastStreamId)
      throw new ConnectionError(errorCode.streamClosed, 'HEADERS is on a closed stream');
    // What the client opened before it heard of GOAWAY is not processed (RFC 9113, section 6.8).
    if (streamId > this.#acceptUpTo) return;
    this.#lastStreamId = streamId;
    if (head.size > headerList) return this.#refuse(streamId, errorCode.enhanceYourCalm);
    if (!head.isRequest) return this.#refuse(streamId, errorCode.protocolError);
    if (this.streams >= this.#shared.limits.concurrentStreams)
      return this.#refuse(streamId, errorCode.refusedStream);
    const stream = new ServerStream(this, streamId, this.#initialWindow, head.contentLength);
    this.#add(stream);
    stream.handler = this.#handler.request(stream, head);
    if (endsStream) stream.receiveEnd();
  }

  #trailers(stream: ServerStream, head: RequestHead, endsStream: boolean): void {
    if (stream.halfClosedRemote) {
      this.countReset();
      return stream.abort(errorCode.streamClosed);
    }
    if (!endsStream || !head.isTrailers || head.size > this.#shared.limits.headerList) {
      this.countReset();
      return stream.abort(errorCode.protocolError);
    }
    stream.receiveEnd();
  }

  #refuse(streamId: number, code: ErrorCode): void {
    this.countReset();
    this.sendReset(streamId, code);
  }

  #priority(streamId: number, source: Buffer, from: number, to: number): void {
    this.#countControlFrame();
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'PRIORITY is on no stream');
    const isSelf = to - from === 5 && readStreamId(source, from) === streamId;
    if (to - from === 5 && !isSelf) return;
    const code = isSelf ? errorCode.protocolError : errorCode.frameSizeError;
    const open = this.#find(streamId);
    this.countReset();
    if (open === undefined) this.sendReset(streamId, code);
    else open.abort(code);
  }

  #rstStream(streamId: number, length: number): void {
    if (length !== 4) throw new ConnectionError(errorCode.frameSizeError, 'RST_STREAM is not 4 bytes long');
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'RST_STREAM is on no stream');
    const stream = this.#openOrClosed(streamId, 'RST_STREAM');
    this.countReset();
    stream?.abort();
  }

  #settings(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    const length = to - from;
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'SETTINGS is on a stream');
    if ((flags & flag.ack) !== 0) {
      if (length !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS with ACK is not empty');
      if (!this.#settingsSeen)
        throw new ConnectionError(errorCode.protocolError, 'SETTINGS with ACK comes before SETTINGS');
      return;
    }
    if (length % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS is cut short');
    if (length / 6 > this.#shared.limits.settingsEntries)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'SETTINGS has too many entries');
    this.#countControlFrame();
    this.#settingsSeen = true;
    for (let at = from; at < to; at += 6)
      this.#applySetting((byteAt(source, at) << 8) | byteAt(source, at + 1), readUint32(source, at + 2));
    writeFrameHeader(
      this.output.reserve(frameHeaderLength),
      this.output.at,
      0,
      frameType.settings,
      flag.ack,
      0,
    );
    this.#resumeBlocked();
  }

  #applySetting(identifier: number, value: number): void {
    switch (identifier) {
      case setting.headerTableSize:
        if (value < this.headerTableSize) this.tableShrunk += 1;
        this.headerTableSize = value;
        return;
      case setting.enablePush:
        if (value > 1)
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_ENABLE_PUSH is not 0 or 1');
        return;
      case setting.initialWindowSize: {
        if (value > largestWindow)
          throw new ConnectionError(errorCode.flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE is too large');
        const change = value - this.#initialWindow;
        this.#initialWindow = value;
        for (const stream of this.openStreams())
          if (!stream.widen(change))
            throw new ConnectionError(errorCode.flowControlError, 'the window of a stream is too large');
        return;
      }
      case setting.maxFrameSize:
        if (value < defaultMaxFrameSize || value > 0xffffff)
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_MAX_FRAME_SIZE is out of bounds');
        this.maxFrameSize = value;
        return;
      // Servers need none of the others, and unknown ones are ignored.
      default:
    }
  }

  #ping(flags: number, streamId: number, source: Buffer, from: number, to: number): void {
    if (to - from !== 8) throw new ConnectionError(errorCode.frameSizeError, 'PING is not 8 bytes long');
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'PING is on a stream');
    this.#countControlFrame();
    if ((flags & flag.ack) !== 0) return this.#handler.pong?.();
    const target = this.output.reserve(frameHeaderLength + 8);
    const { at } = this.output;
    writeFrameHeader(target, at, 8, frameType.ping, flag.ack, 0);
    source.copy(target, at + frameHeaderLength, from, to);
  }

  #windowUpdate(streamId: number, source: Buffer, from: number, to: number): void {
    if (to - from !== 4)
      throw new ConnectionError(errorCode.frameSizeError, 'WINDOW_UPDATE is not 4 bytes long');
    const by = readUint32(source, from) & 0x7fffffff;
    if (streamId === 0) {
      if (by === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE is by 0');
      this.sendWindow += by;
      if (this.sendWindow > largestWindow)
        throw new ConnectionError(errorCode.flowControlError, 'the window of the connection is too large');
    } else {
      const stream = this.#openOrClosed(streamId, 'WINDOW_UPDATE');
      if (stream === undefined) return;
      if (by === 0 || !stream.widen(by)) {
        this.countReset();
        return stream.abort(by === 0 ? errorCode.protocolError : errorCode.flowControlError);
      }
    }
    this.#resumeBlocked();
  }

  /** The stream if it is open, undefined if it was. @throws {ConnectionError} if it never was. */
  #openOrClosed(streamId: number, what: string): ServerStream | undefined {
    const stream = this.#find(streamId);
    if (
      stream === undefined &&
      (streamId > this.#lastStreamId || streamId % 2 === 0) &&
      streamId <= this.#acceptUpTo
    )
      throw new ConnectionError(errorCode.protocolError, `${what} is on an idle stream`);
    return stream;
  }

  #find(streamId: number): ServerStream | undefined {
    return this.#only?.id === streamId ? this.#only : this.#streams?.get(streamId);
  }

  #add(stream: ServerStream): void {
    if (this.#only === undefined) this.#only = stream;
    else (this.#streams ??= new Map()).set(stream.id, stream);
  }

  #resumeBlocked(): void {
    const blocked = this.#blocked;
    this.#blocked = undefined;
    for (const stream of blocked ?? []) stream.resume();
  }

  #countControlFrame(): void {
    if (!this.#controlFrames.take(this.#now))
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that carry nothing');
  }

  #sendSettings(settings: readonly (readonly [number, number])[]): void {
    const length = settings.length * 6;
    const target = this.output.reserve(frameHeaderLength + length);
    let { at } = this.output;
    writeFrameHeader(target, at, length, frameType.settings, 0, 0);
    at += frameHeaderLength;
    for (const [identifier, value] of settings) {
      target[at] = identifier >>> 8;
      target[at + 1] = identifier;
      writeUint32(target, at + 2, value);
      at += 6;
    }
  }

  #sendWindow(streamId: number, by: number): void {
    if (by <= 0) return;
    const target = this.output.reserve(frameHeaderLength + 4);
    writeFrameHeader(target, this.output.at, 4, frameType.windowUpdate, 0, streamId);
    writeUint32(target, this.output.at + frameHeaderLength, by);
  }

  #sendGoAway(lastStreamId: number, code: ErrorCode): void {
    const target = this.output.reserve(frameHeaderLength + 8);
    writeFrameHeader(target, this.output.at, 8, frameType.goAway, 0, 0);
    writeUint32(target, this.output.at + frameHeaderLength, lastStreamId);
    writeUint32(target, this.output.at + frameHeaderLength + 4, code);
  }

  /** A fault of the client ends its connection; so does a fault of ours, which harms no other one. */
  #fail(error: unknown): void {
    const code =
      error instanceof ConnectionError
        ? error.code
        : error instanceof HpackError
          ? errorCode.compressionError
          : errorCode.internalError;
    this.close(code);
    this.#handler.failed?.(code, error instanceof Error ? error.message : String(error));
  }
}
