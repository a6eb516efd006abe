import { errorCode } from '../http2/frame.ts';
import type { SentListener } from '../http2/output.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { SharedData } from '../http2/shared-data.ts';
import type { ServerStream, StreamHandler } from '../http2/stream.ts';
import type { LinkedList } from '../xds/small/linked-list.ts';
import { CallClient } from './call-client.ts';
import { CallRequest } from './call-request.ts';
import type { CallFollower, CallHandler } from './call-request.ts';
import { removeDeadline } from './deadlines.ts';
import type { LimitedCall } from './deadlines.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { frameOf } from './message-frames.ts';
import { isGrpc } from './metadata.ts';
import { StalledResponse } from './stalled-response.ts';
import { grpcStatus } from './status.ts';
import type { Fields, GrpcStatus } from './status.ts';

const noFields: Fields = [];

/** A call: receives messages, and sends messages and a status. */
export class GrpcCall extends CallClient implements StreamHandler, LimitedCall {
  readonly #stream: ServerStream;
  readonly #request: CallRequest;
  #headersSent = false;
  #responded = false;
  #over = false;
  #goneFollower: Pick<CallFollower, 'gone'> | undefined;
  #isTimed = false;
  // Only the deadlines of the server write these.
  timer: NodeJS.Timeout | undefined = undefined;
  list: LinkedList<LimitedCall> | undefined = undefined;
  previous: LimitedCall | undefined = undefined;
  next: LimitedCall | undefined = undefined;
  #stalled: StalledResponse | undefined;

  constructor(stream: ServerStream, head: RequestHead, connection: GrpcConnection) {
    super(head, connection);
    this.#stream = stream;
    this.#request = new CallRequest(this, stream, connection);
  }

  /**
   * True once the call has ended, in any way. Its last messages and its status may still wait for the client's window.
   */
  get isOver(): boolean {
    return this.#over;
  }

  /** Bytes of responses that wait for the client's window. */
  get unsentBytes(): number {
    return this.#stream.waitingBytes;
  }

  /** True if earlier output waits: for a window, for the kernel, or, if it is much, for the end of the tick. */
  get isBackedUp(): boolean {
    return this.#stream.waitingBytes > 0 || this.#stream.connection.output.isBackedUp;
  }

  /** True if further data has to follow, or if data is dropped because the call is over. */
  get isIncomplete(): boolean {
    return this.#over || this.#request.isIncomplete;
  }

  /** Time at which the incomplete message began to arrive, in ms; `undefined` between messages. */
  get messageBegunAt(): number | undefined {
    return this.#request.messageBegunAt;
  }

  /** True if a message that does not arrive in time, or a response that the client does not accept, ends the call. */
  get isTimed(): boolean {
    return this.#isTimed;
  }

  /** Makes the time limits of messages and responses end the call. */
  limitTimes(): void {
    this.#isTimed = true;
    this.session.callTimed();
  }

  /** Passes the requests that have arrived, and all later ones, to a handler. */
  handleWith(handler: CallHandler): void {
    this.#request.handleWith(handler);
  }

  /** Ends the call, because its deadline has passed. */
  exceeded(): void {
    this.cancel({ code: grpcStatus.DEADLINE_EXCEEDED, message: 'the call exceeded its deadline' });
  }

  /** Makes the client stop once the window of the stream is used up. */
  pauseReading(): void {
    this.#request.pauseReading();
  }

  /** Gives the client a new window, after `pauseReading`. */
  resumeReading(): void {
    this.#request.resumeReading();
  }

  /** Sends the header block, once: before the first message if it was not called before. */
  sendHeaders(metadata: Fields = noFields): void {
    if (this.#headersSent || this.#over) return;
    this.#headersSent = this.#responded = true;
    this.#stream.respond(() => this.session.blocks.headers(metadata));
  }

  /**
   * Sends a message with its prefix of gRPC. The bytes must never change: calls that send the same object share one
   * frame. Notifies `listener` once the kernel has it, unless the call ends before.
   */
  send(message: { readonly framed: Uint8Array }, listener?: SentListener): void {
    this.sendData(frameOf(message.framed), listener);
  }

  /** Sends a message that has its prefix of gRPC, as `send` does. */
  sendData(data: SharedData, listener?: SentListener): void {
    if (this.#over) return;
    this.sendHeaders();
    this.#stream.send(data, listener);
  }

  /** Ends the call with a status, after all messages that were sent. It has no effect on a call that is over. */
  end(status: GrpcStatus): void {
    if (this.#over) return;
    const { blocks } = this.session;
    this.#responded = true;
    this.#stop();
    this.#stream.end(() => (this.#headersSent ? blocks.trailers(status) : blocks.trailersOnly(status)));
    // A response that waits for the client's window uses memory. Until it is sent, the call counts as open.
    if (this.#stream.waitingBytes === 0) return this.#left();
    this.limitTimes();
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
    this.session.breakIfIdle();
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

  /** The same as `isOver`. */
  get isGone(): boolean {
    return this.#over;
  }

  /** True once the client has sent END_STREAM. */
  get isComplete(): boolean {
    return this.#request.isComplete;
  }

  /** Bytes of requests in memory that the handler has not processed, including those of an incomplete message. */
  get unreadBytes(): number {
    return this.#request.unreadBytes;
  }

  /** True once a header block or a status was sent. */
  get hasResponded(): boolean {
    return this.#responded;
  }

  /** Always 0: bytes that arrive are read at once, until the window of the stream is used up. */
  get waitingRequestBytes(): number {
    return 0;
  }

  /** Called when a handler counts its requests itself from now on. It has no effect here. */
  release(): void {
    // Nothing to do: the call does not keep the handler's messages.
  }

  /**
   * Calls `requestData` at once, and each time when data has arrived: with true if the last message is incomplete. A
   * later follower replaces an earlier one.
   */
  followRequests(follower: Pick<CallFollower, 'requestData'>): void {
    this.#request.followRequests(follower);
  }

  /**
   * Calls `gone` once the call is over and nothing of it waits for the client's window any more. Not called if that is
   * the case already. A later follower replaces an earlier one.
   */
  whenGone(follower: Pick<CallFollower, 'gone'>): void {
    this.#goneFollower = follower;
  }

  /** Calls `complete` when the client sends END_STREAM. Not called if the call ends before. */
  whenComplete(follower: Pick<CallFollower, 'complete'>): void {
    this.#request.completeFollower = follower;
  }

  /** Calls `readable` once, when data or END_STREAM arrives before the call has a handler. */
  whenReadable(follower: Pick<CallFollower, 'readable'>): void {
    this.#request.readableFollower = follower;
  }

  /** Passes the call to its method. */
  serve(): void {
    this.session.serve(this);
  }

  /** Ends a call that is not served, with a status of gRPC. A client that does not speak gRPC gets an HTTP status. */
  refuse(code: number, message: string): void {
    if (this.#over || this.#responded) return;
    if (isGrpc(this.head)) return this.end({ code, message });
    this.#responded = true;
    this.#finish();
    this.#stream.end(() => this.session.blocks.plain(this.head.method === 'POST' ? 415 : 405));
  }

  /** Called to end a call that has its response. It has no effect here. */
  finish(): void {
    // Nothing to do: the status has ended the stream.
  }

  /** Ends the call without a status: resets the stream with ENHANCE_YOUR_CALM, and calls `aborted` of the handler. */
  reset(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.reset(errorCode.enhanceYourCalm);
    this.#request.abort();
  }

  /**
   * True if the client has accepted less than 16 KiB of a waiting response for `limitMs`. `now` is a time of
   * `performance.now()`, in ms. Must be called periodically.
   */
  isStalled(now: number, limitMs: number): boolean {
    return (this.#stalled ??= new StalledResponse()).check(this.#stream, now, limitMs);
  }

  /** Resets the stream of a stalled call, which may be over. */
  giveUp(): void {
    if (!this.#over) this.reset();
    else this.#stream.reset(errorCode.enhanceYourCalm);
  }

  // Called by the stream

  /** A part of the request has arrived, in `source[from, to)`. The buffer is valid only during the call. */
  data(source: Buffer, from: number, to: number): void {
    try {
      this.#request.data(source, from, to);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The client has sent END_STREAM. */
  ended(): void {
    try {
      this.#request.ended();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The client has reset the stream, or the connection has closed. Calls `aborted` of the handler. */
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
    removeDeadline(this);
  }

  #left(): void {
    this.#goneFollower?.gone();
  }
}
