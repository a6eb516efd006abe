import { ClientSettings } from '../../src/http2/client-settings.ts';
import {
  byteAt,
  clientPreface,
  encodeFrame,
  flag,
  frameType,
  readUint32,
  setting,
} from '../../src/http2/frame.ts';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import type { FrameSink } from '../../src/http2/frame-reader.ts';
import { HeaderBlocks } from '../../src/http2/header-blocks.ts';
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';
import { SharedFields } from '../../src/http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../../src/http2/limits.ts';
import { settingEntry, streamId, windowUpdate } from './client-frames.ts';
import type { Request } from './messages.ts';
import { RequestBody } from './request-body.ts';

/** The part of a socket that a client uses. */
export interface ClientSocket {
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
}

/** Receives the events of a client. */
export interface ClientEvents {
  /** The first SETTINGS of the server have arrived. */
  accepted(): void;
  /** A part of the response body has arrived, in `source[from, to)`. The bytes are valid only during the call. */
  data(source: Buffer, from: number, to: number): void;
  /**
   * The server has ended the stream or the connection, or broken the protocol. Called at most once, as the last event.
   */
  ended(reason: string): void;
}

/** Decoded fields. All servers send the same few ones. */
const fields = new SharedFields();

interface AwaitedAck {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The client side of an HTTP/2 connection with one gRPC stream. It does what a load generator needs and no more: it
 * trusts its server, and checks only what it must understand.
 */
// A class, because each simulated proxy has one. With closures, each would have its own copy of every function.
export class H2Client implements FrameSink {
  readonly #socket: ClientSocket;
  readonly #events: ClientEvents;
  readonly #window: number;
  readonly #reader: FrameReader = new FrameReader(this);
  readonly #blocks: HeaderBlocks = new HeaderBlocks(defaultConnectionLimits, this);
  readonly #decoder = new HpackDecoder(fields);
  readonly #serverSettings = new ClientSettings(defaultConnectionLimits.settingsEntries);
  readonly #body: RequestBody;
  /** The SETTINGS frames that the server has not acknowledged. Nothing waits for the first one. */
  readonly #unacknowledged: (AwaitedAck | undefined)[] = [undefined];
  /** Received bytes that the windows have not got back. The stream receives all DATA, so both windows have the same. */
  #received = 0;
  #endsWithData = false;
  #isEnded = false;

  /** `window` is the one of `encodeOpening`. */
  constructor(socket: ClientSocket, window: number, events: ClientEvents) {
    this.#socket = socket;
    this.#window = window;
    this.#events = events;
    this.#body = new RequestBody(socket, this.#serverSettings);
    // The reader is the one of the server, and expects a preface first. The preface of a server is only SETTINGS.
    this.#reader.read(clientPreface, 0, clientPreface.length);
  }

  /** Writes the opening and a message in one write. Call this first, once the socket is connected. */
  open(opening: Buffer, message: Request): void {
    this.#socket.cork();
    this.#socket.write(opening);
    this.#body.write(message);
    this.#socket.uncork();
  }

  /**
   * Sends a message, now or when the windows of the server allow it. Do not change it afterwards: the client writes a
   * frame header into its first bytes, and may send the rest later.
   */
  send(message: Request): void {
    this.#body.write(message);
  }

  /** Reads `source[from, to)`, which the server has sent. */
  receive(source: Buffer, from: number, to: number): void {
    if (this.#isEnded) return;
    try {
      this.#reader.read(source, from, to);
    } catch (error) {
      this.end(String(error));
    }
  }

  /**
   * Changes the window of the stream by SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.9.2). 0 stops the server.
   * Resolves when the server has acknowledged it.
   * @throws {Error} if the client ends before that.
   */
  setWindow(bytes: number): Promise<void> {
    if (this.#isEnded) return Promise.reject(new Error('the client has ended'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#unacknowledged.push({ resolve, reject });
    this.#socket.write(encodeFrame(frameType.settings, 0, 0, settingEntry(setting.initialWindowSize, bytes)));
    return promise;
  }

  /** Ends the client, and reports the reason unless it has ended before. */
  end(reason: string): void {
    if (this.#isEnded) return;
    this.stop(reason);
    this.#events.ended(reason);
  }

  /** Ends the client without a report. */
  stop(reason: string): void {
    this.#isEnded = true;
    this.#reader.stop();
    for (const waiting of this.#unacknowledged.splice(0)) waiting?.reject(new Error(reason));
  }

  preface(): void {
    // Only the constructor passes a preface to the reader.
  }

  notHttp2(): void {
    this.end('the server does not speak HTTP/2');
  }

  tooLarge(): void {
    this.end('the server sent a frame that is longer than SETTINGS_MAX_FRAME_SIZE');
  }

  dataBegins(_: number, length: number, flags: number): boolean {
    this.#endsWithData = (flags & flag.endStream) !== 0;
    this.#count(length);
    return true;
  }

  dataPart(source: Buffer, from: number, to: number, isLast: boolean): void {
    if (to > from) this.#events.data(source, from, to);
    if (isLast && this.#endsWithData) this.end('the stream ended without a status');
  }

  frame(type: number, flags: number, id: number, source: Buffer, from: number, to: number): boolean {
    this.#blocks.checkNext(type, id);
    switch (type) {
      case frameType.data:
        this.#paddedData(flags, source, from, to);
        break;
      case frameType.headers:
        this.#blocks.headers(flags, id, source, from, to);
        break;
      case frameType.continuation:
        this.#blocks.continuation(flags, source, from, to);
        break;
      case frameType.settings:
        this.#settings(flags, id, source, from, to);
        break;
      case frameType.windowUpdate:
        this.#body.widen(id, readUint32(source, from));
        break;
      case frameType.ping:
        if ((flags & flag.ack) === 0)
          this.#socket.write(encodeFrame(frameType.ping, flag.ack, 0, source.subarray(from, to)));
        break;
      case frameType.rstStream:
        this.end(`stream reset with code ${readUint32(source, from)}`);
        break;
      case frameType.goAway:
        this.#goAway(source, from, to);
        break;
      // Unknown frames are ignored (RFC 9113, section 4.1).
      default:
    }
    return !this.#isEnded;
  }

  /** A header block is complete: the response headers, the trailers, or both in one (`Trailers-Only` of gRPC). */
  block(_: number, endsStream: boolean, source: Buffer, from: number, to: number): void {
    let [status, httpStatus] = ['none', 'none'];
    // The first block is decoded, too: the trailers may refer to fields that it has added to the dynamic table.
    this.#decoder.decode(source, from, to, ({ name, value }) => {
      if (name === 'grpc-status') status = value;
      if (name === ':status') httpStatus = value;
    });
    if (httpStatus !== 'none' && httpStatus !== '200') this.end(`HTTP status ${httpStatus}`);
    else if (endsStream) this.end(`status ${status}`);
  }

  #paddedData(flags: number, source: Buffer, from: number, to: number): void {
    this.dataBegins(streamId, to - from, flags);
    const end = to - byteAt(source, from);
    if (end <= from) throw new Error('padding is longer than its frame');
    this.dataPart(source, from + 1, end, true);
  }

  /** With NO_ERROR, the stream continues if it is not above the last one that the server processes (section 6.8). */
  #goAway(source: Buffer, from: number, to: number): void {
    const code = readUint32(source, from + 4);
    if (code === 0 && readUint32(source, from) >= streamId) return;
    this.end(`GOAWAY with code ${code} ${source.toString('latin1', from + 8, to)}`.trim());
  }

  #settings(flags: number, id: number, source: Buffer, from: number, to: number): void {
    const settings = this.#serverSettings;
    const isFirst = !settings.seen;
    if (!settings.check(flags, id, to - from)) return this.#unacknowledged.shift()?.resolve();
    this.#body.widen(streamId, settings.apply(source, from, to).by);
    this.#socket.write(encodeFrame(frameType.settings, flag.ack, 0));
    if (isFirst) this.#events.accepted();
  }

  /** Counts received DATA with its padding. Gives the windows back once half of them is used. */
  #count(length: number): void {
    this.#received += length;
    if (this.#received * 2 < this.#window) return;
    const updates = [windowUpdate(0, this.#received), windowUpdate(streamId, this.#received)];
    this.#socket.write(Buffer.concat(updates));
    this.#received = 0;
  }
}
