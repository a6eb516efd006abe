import type { PeerCertificate } from 'node:tls';
import { errorCode } from '../http2/frame.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { SharedData } from '../http2/shared-data.ts';
import type { ServerStream, StreamHandler } from '../http2/stream.ts';
import { findField } from '../xds/wire/find-field.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { frameOf } from './message-frames.ts';
import { MessageReader } from './message-reader.ts';
import type { MessageSink } from './message-reader.ts';
import { plainResponse } from './response-blocks.ts';
import { grpcStatus } from './status.ts';
import type { Fields, GrpcStatus } from './status.ts';

/** What a method does with a call. */
export interface CallHandler {
  /** Number of a protobuf field that the handler does not need: it may be left out of messages. */
  readonly unwanted?: number | undefined;
  /** Bytes of messages that the handler holds and has not processed. */
  readonly unreadBytes?: number;
  /** A message has arrived. Its bytes are valid during the call only. */
  message(bytes: Buffer): void;
  /** Bytes that an unfinished message takes in memory; 0 if there is none. */
  partial?(held: number): void;
  /** The next message cannot be read, and nothing after it. Without this method the call ends with the status. */
  unreadable?(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void;
  /** The client sends nothing more. */
  halfClosed(): void;
  /** The call is over before the handler ended it: cancelled, timed out, or gone with its connection. */
  aborted(): void;
}

const grpcType = /^application\/grpc(?:$|[+;])/;
/** Memory of an unfinished message beside its bytes. */
const partOverhead = 256;

/** One call: messages in, messages and a status out. Until it is served it holds what arrives, up to its window. */
export class GrpcCall implements StreamHandler, MessageSink {
  readonly head: RequestHead;
  readonly #stream: ServerStream;
  readonly #connection: GrpcConnection;
  readonly #reader: MessageReader;
  #handler: CallHandler | undefined;
  /** What arrived before the call is served. */
  #early: Buffer[] | undefined;
  #earlyBytes = 0;
  #clientEnded = false;
  #headersSent = false;
  #responded = false;
  #over = false;
  #cancelTimer: (() => void) | undefined;
  #onGone: (() => void) | undefined;
  #onComplete: (() => void) | undefined;
  #onReadable: (() => void) | undefined;
  #onRequestBytes: ((isIncomplete: boolean) => void) | undefined;
  /** When the message that is being read began to arrive, in ms; undefined between messages. */
  insideSince: number | undefined;

  constructor(stream: ServerStream, head: RequestHead, connection: GrpcConnection) {
    this.#stream = stream;
    this.head = head;
    this.#connection = connection;
    this.#reader = new MessageReader(connection.maxReceiveBytes, connection.budget, this);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Bytes of responses that wait for the client's window. */
  get waitingBytes(): number {
    return this.#stream.waitingBytes;
  }

  /** Whether the content type says that the client speaks gRPC. */
  get isGrpc(): boolean {
    return this.head.method === 'POST' && grpcType.test(this.head.get('content-type') ?? '');
  }

  // The client

  get address(): string {
    return this.#connection.peer;
  }

  get certificate(): PeerCertificate | undefined {
    return this.#connection.certificate;
  }

  get session(): GrpcConnection {
    return this.#connection;
  }

  get isRetiring(): boolean {
    return this.#connection.isRetiring;
  }

  get endedByClient(): boolean {
    return this.#connection.endedByClient;
  }

  /** Has the handler receive what arrived and what arrives from now on. */
  handleWith(handler: CallHandler): void {
    this.#handler = handler;
    const early = this.#early;
    this.#early = undefined;
    this.#earlyBytes = 0;
    for (const bytes of early ?? []) this.data(bytes, 0, bytes.length);
    if (this.#over) return;
    if (this.#clientEnded) this.#halfClosed();
    else if (early !== undefined) this.resumeReading();
  }

  /** Has `cancel` called when the call is over: it stops the timer of the deadline. */
  cancelWhenOver(cancel: () => void): void {
    if (this.#over) cancel();
    else this.#cancelTimer = cancel;
  }

  /** Makes the client stop once the window of the stream is used up. */
  pauseReading(): void {
    this.#stream.pauseReading();
  }

  resumeReading(): void {
    this.#stream.resumeReading();
  }

  /** Sends the header block before the first message. */
  sendHeaders(metadata: Fields = []): void {
    if (this.#headersSent || this.#over) return;
    this.#headersSent = this.#responded = true;
    this.#stream.respond(this.#connection.blocks.headers(metadata));
  }

  /** Sends a message. `done` is called once the kernel has taken all of it; never if the call ends before. */
  send(message: { readonly framed: Uint8Array }, done?: () => void): void {
    this.sendData(frameOf(message.framed), done);
  }

  sendData(data: SharedData, done?: () => void): void {
    if (this.#over) return;
    this.sendHeaders();
    this.#stream.send(data, done);
  }

  /** Ends the call. What was sent before reaches the client first. */
  end(status: GrpcStatus): void {
    if (this.#over) return;
    const { blocks } = this.#connection;
    this.#responded = true;
    this.#finish();
    this.#stream.end(this.#headersSent ? blocks.trailers(status) : blocks.trailersOnly(status));
  }

  /** Ends the call without a status, which would not reach the client; and its connection, if it has no other call. */
  abandon(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.reset(errorCode.enhanceYourCalm);
    this.#connection.breakIfIdle();
  }

  /** Ends the call with a status, and tells the handler. */
  cancel(status: GrpcStatus): void {
    if (this.#over) return;
    this.end(status);
    this.#handler?.aborted();
  }

  // What a guard uses before the call is served

  get isGone(): boolean {
    return this.#over;
  }

  get isComplete(): boolean {
    return this.#clientEnded;
  }

  get unreadBytes(): number {
    return this.#earlyBytes + this.#reader.heldBytes + (this.#handler?.unreadBytes ?? 0);
  }

  get hasResponded(): boolean {
    return this.#responded;
  }

  /** None: what arrives is read, until the window of the stream is used up. */
  get waitingRequestBytes(): number {
    return 0;
  }

  get unsentBytes(): number {
    return this.waitingBytes;
  }

  release(): void {
    // Nothing to do: the handler's messages are not kept here.
  }

  followRequests(callback: (isIncomplete: boolean) => void): void {
    this.#onRequestBytes = callback;
    callback(this.#reader.isInside);
  }

  whenGone(callback: () => void): void {
    this.#onGone = callback;
  }

  whenComplete(callback: () => void): void {
    this.#onComplete = callback;
  }

  whenReadable(callback: () => void): void {
    this.#onReadable = callback;
  }

  /** Ends a call that is not served. A client that does not speak gRPC gets a status of HTTP. */
  refuse(code: number, message: string): void {
    if (this.#over || this.#responded) return;
    if (this.isGrpc) return this.end({ code, message });
    this.#responded = true;
    this.#finish();
    this.#stream.end(plainResponse(this.head.method === 'POST' ? 415 : 405));
  }

  finish(): void {
    // Nothing is left to do: the status has ended the stream.
  }

  reset(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.reset(errorCode.enhanceYourCalm);
    this.#handler?.aborted();
  }

  // What the stream calls

  data(source: Buffer, from: number, to: number): void {
    if (this.#over) return;
    if (this.#handler === undefined) return this.#holdEarly(source, from, to);
    this.#reader.read(source, from, to);
    if (this.#over) return;
    const isInside = this.#reader.isInside;
    this.insideSince = isInside ? (this.insideSince ?? performance.now()) : undefined;
    this.#handler.partial?.(isInside ? this.#reader.heldBytes + partOverhead : 0);
    this.#onRequestBytes?.(isInside);
  }

  ended(): void {
    if (this.#over) return;
    this.#clientEnded = true;
    this.#onComplete?.();
    if (this.#handler === undefined) this.#readable();
    else this.#halfClosed();
  }

  aborted(): void {
    // The status may still have been waiting for the client's window.
    if (this.#over) return;
    this.#finish();
    this.#handler?.aborted();
  }

  // What the message reader calls

  message(bytes: Buffer): void {
    this.insideSince = undefined;
    if (!this.#over) this.#handler?.message(bytes);
  }

  unwanted(start: Buffer): { readonly start: number; readonly end: number } | undefined {
    const field = this.#handler?.unwanted;
    return field === undefined ? undefined : findField(start, field);
  }

  unreadable(reason: 'too-long' | 'compressed' | 'over-budget', length: number): void {
    if (this.#over) return;
    const code = reason === 'compressed' ? 'INTERNAL' : 'RESOURCE_EXHAUSTED';
    const message = {
      'too-long': `Received message larger than max (${length} vs ${this.#connection.maxReceiveBytes})`,
      // Without `grpc-encoding`: a request with it is refused before.
      compressed: 'a message is marked as compressed, but the request names no encoding',
      'over-budget': 'too many bytes of unfinished messages',
    }[reason];
    if (this.#handler?.unreadable === undefined) this.cancel({ code: grpcStatus[code], message });
    else this.#handler.unreadable(code, message);
  }

  #halfClosed(): void {
    if (this.#reader.isInside)
      return this.cancel({ code: grpcStatus.INTERNAL, message: 'the request ends within a message' });
    this.#handler?.halfClosed();
  }

  #holdEarly(source: Buffer, from: number, to: number): void {
    if (this.#early === undefined) {
      this.#early = [];
      this.pauseReading();
    }
    this.#early.push(Buffer.from(source.subarray(from, to)));
    this.#earlyBytes += to - from;
    this.#readable();
  }

  #readable(): void {
    const onReadable = this.#onReadable;
    this.#onReadable = undefined;
    onReadable?.();
  }

  #finish(): void {
    this.#over = true;
    this.insideSince = undefined;
    this.#early = undefined;
    this.#earlyBytes = 0;
    this.#reader.stop();
    this.#cancelTimer?.();
    this.#connection.over(this);
    this.#onGone?.();
  }
}
