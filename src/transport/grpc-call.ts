import type { Socket } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { errorCode } from '../http2/frame.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { SharedData } from '../http2/shared-data.ts';
import type { ServerStream, StreamHandler } from '../http2/stream.ts';
import { after, longestTimerMs, timerMs } from '../xds/timers/timers.ts';
import { CallRequest } from './call-request.ts';
import type { CallHandler } from './call-request.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { frameOf } from './message-frames.ts';
import { metadataOf } from './metadata.ts';
import type { CallMetadata } from './metadata.ts';
import { plainResponse } from './response-blocks.ts';
import { StalledResponse } from './stalled-response.ts';
import { grpcStatus } from './status.ts';
import type { Fields, GrpcStatus } from './status.ts';

// One function for all calls: a timer with a closure would need one for each.
function exceeded(call: GrpcCall): void {
  call.cancel({ code: grpcStatus.DEADLINE_EXCEEDED, message: 'the call exceeded its deadline' });
}

const grpcType = /^application\/grpc(?:$|[+;])/;

/** A call: receives messages, and sends messages and a status. */
export class GrpcCall implements StreamHandler {
  readonly head: RequestHead;
  readonly #stream: ServerStream;
  readonly #connection: GrpcConnection;
  readonly #request: CallRequest;
  #headersSent = false;
  #responded = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #stopTimer: (() => void) | undefined;
  #onGone: (() => void) | undefined;
  #stalled: StalledResponse | undefined;

  constructor(stream: ServerStream, head: RequestHead, connection: GrpcConnection) {
    this.#stream = stream;
    this.head = head;
    this.#connection = connection;
    this.#request = new CallRequest(this, stream, connection);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Bytes of responses that wait for the client's window. */
  get waitingBytes(): number {
    return this.#stream.waitingBytes;
  }

  /** True if the client speaks gRPC, by its content type. */
  get isGrpc(): boolean {
    return this.head.method === 'POST' && grpcType.test(this.head.get('content-type') ?? '');
  }

  /** True if further data has to follow, or if data is dropped because the call is over. */
  get isIncomplete(): boolean {
    return this.#over || this.#request.isIncomplete;
  }

  /** Time at which the incomplete message began to arrive, in ms; `undefined` between messages. */
  get messageBegunAt(): number | undefined {
    return this.#request.messageBegunAt;
  }

  // The client

  get address(): string {
    return this.#connection.peer;
  }

  get certificate(): PeerCertificate | undefined {
    return this.#connection.certificate;
  }

  get socket(): Socket {
    return this.#connection.socket;
  }

  get metadata(): CallMetadata {
    return metadataOf(this.head.fields);
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

  /** Passes the requests that have arrived, and all later ones, to a handler. */
  handleWith(handler: CallHandler): void {
    this.#request.handleWith(handler);
  }

  /** Ends the call after a time, in ms, unless it is over by then. */
  cancelAfter(ms: number): void {
    if (this.#over) return;
    // A time that Node.js cannot wait for, of 24 days, needs more than one timer.
    if (ms > longestTimerMs) this.#stopTimer = after(ms, () => exceeded(this));
    else this.#timer = setTimeout(exceeded, timerMs(ms), this);
  }

  /** Makes the client stop once the window of the stream is used up. */
  pauseReading(): void {
    this.#request.pauseReading();
  }

  resumeReading(): void {
    this.#request.resumeReading();
  }

  /** Sends the header block, once: before the first message if it was not called before. */
  sendHeaders(metadata: Fields = []): void {
    if (this.#headersSent || this.#over) return;
    this.#headersSent = this.#responded = true;
    this.#stream.respond(() => this.#connection.blocks.headers(metadata));
  }

  /** Sends a message with its prefix of gRPC. `done` is called once the kernel has accepted it, unless the call ends before. */
  send(message: { readonly framed: Uint8Array }, done?: () => void): void {
    this.sendData(frameOf(message.framed), done);
  }

  sendData(data: SharedData, done?: () => void): void {
    if (this.#over) return;
    this.sendHeaders();
    this.#stream.send(data, done);
  }

  /** Ends the call with a status, after all messages that were sent. It has no effect on a call that is over. */
  end(status: GrpcStatus): void {
    if (this.#over) return;
    const { blocks } = this.#connection;
    this.#responded = true;
    this.#stop();
    this.#stream.end(() => (this.#headersSent ? blocks.trailers(status) : blocks.trailersOnly(status)));
    // A response that waits for the client's window uses memory. Until it is sent, the call counts as open.
    if (this.#stream.waitingBytes === 0) return this.#left();
    this.#connection.time(this);
    this.#stream.onClosed = () => this.#left();
  }

  /**
   * Gives up on a client that reads nothing, which no status would reach. Resets the stream, and closes the connection
   * if this was its last stream.
   */
  abandon(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.reset(errorCode.enhanceYourCalm);
    this.#connection.breakIfIdle();
  }

  /** Ends the call with a status, and calls `aborted` of the handler. */
  cancel(status: GrpcStatus): void {
    if (this.#over) return;
    this.end(status);
    this.#request.abort();
  }

  /** Ends the call because its handler threw an error. */
  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (this.#over) process.emitWarning(`a handler threw an error after its call: ${message}`);
    else this.cancel({ code: grpcStatus.UNKNOWN, message });
  }

  // Called by a guard before the call is served

  get isGone(): boolean {
    return this.#over;
  }

  get isComplete(): boolean {
    return this.#request.isComplete;
  }

  get unreadBytes(): number {
    return this.#request.unreadBytes;
  }

  get hasResponded(): boolean {
    return this.#responded;
  }

  /** Always 0: bytes that arrive are read at once, until the window of the stream is used up. */
  get waitingRequestBytes(): number {
    return 0;
  }

  get unsentBytes(): number {
    return this.waitingBytes;
  }

  release(): void {
    // Nothing to do: the call does not keep the handler's messages.
  }

  followRequests(callback: (isIncomplete: boolean) => void): void {
    this.#request.followRequests(callback);
  }

  whenGone(callback: () => void): void {
    this.#onGone = callback;
  }

  whenComplete(callback: () => void): void {
    this.#request.onComplete = callback;
  }

  whenReadable(callback: () => void): void {
    this.#request.onReadable = callback;
  }

  /** Ends a call that is not served, with a status of gRPC. A client that does not speak gRPC gets an HTTP status. */
  refuse(code: number, message: string): void {
    if (this.#over || this.#responded) return;
    if (this.isGrpc) return this.end({ code, message });
    this.#responded = true;
    this.#finish();
    this.#stream.end(() => plainResponse(this.head.method === 'POST' ? 415 : 405));
  }

  finish(): void {
    // Nothing to do: the status has ended the stream.
  }

  reset(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.reset(errorCode.enhanceYourCalm);
    this.#request.abort();
  }

  /** True if the client accepts too little of a response. Must be called periodically. */
  isStalled(now: number, limitMs: number): boolean {
    return (this.#stalled ??= new StalledResponse()).check(this.#stream, now, limitMs);
  }

  /** Resets the stream of a stalled call, which may be over. */
  giveUp(): void {
    if (!this.#over) this.reset();
    else this.#stream.reset(errorCode.enhanceYourCalm);
  }

  // Called by the stream

  data(source: Buffer, from: number, to: number): void {
    try {
      this.#request.data(source, from, to);
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    try {
      this.#request.ended();
    } catch (error) {
      this.fail(error);
    }
  }

  aborted(): void {
    // The call may be over, with its status still waiting for the client's window.
    if (this.#over) return;
    this.#finish();
    this.#request.abort();
  }

  #finish(): void {
    this.#stop();
    this.#left();
  }

  #stop(): void {
    this.#over = true;
    this.#request.stop();
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#stopTimer?.();
  }

  #left(): void {
    this.#connection.over(this);
    this.#onGone?.();
  }
}
