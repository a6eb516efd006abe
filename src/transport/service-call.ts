import { EventEmitter } from 'node:events';
import type { PeerCertificate } from 'node:tls';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallHandler } from './call-request.ts';
import type { GrpcCall } from './grpc-call.ts';
import { HeldMessages } from './held-messages.ts';
import { iterateRequests } from './iterate-requests.ts';
import { frameMessage } from './message-frames.ts';
import { metadataOf, fieldsOf } from './metadata.ts';
import { statusOf } from './service-error.ts';
import { grpcStatus } from './status.ts';
import type { GrpcStatus } from './status.ts';
import { notOneRequest } from './unary-call.ts';

/** A method of a service definition, with messages of any type. */
export type AnyMethod = MethodDefinition<unknown, unknown>;
/** A handler of a method, for any of the four kinds of `@grpc/grpc-js`. */
export type AnyImplementation = (call: unknown, respond?: unknown) => unknown;

/** Serves a call with a handler that was written for `Server` of `@grpc/grpc-js`. */
export function serveCall(
  call: GrpcCall,
  method: AnyMethod,
  implementation: AnyImplementation,
  deadline: Date | number,
): void {
  new ServiceCall(call, method, implementation, deadline).start();
}

/** Called when a response is sent, or cannot be sent. */
type WriteCallback = (error?: Error | null) => void;

/**
 * The call object of `@grpc/grpc-js`, with the members that services use: `ServerUnaryCall`, `ServerReadableStream`,
 * `ServerWritableStream` and `ServerDuplexStream` in one. Messages wait until a handler listens, and while the handler
 * has paused the call. The client stops once the window of the stream is used up.
 */
class ServiceCall extends EventEmitter implements CallHandler {
  readonly #call: GrpcCall;
  readonly #method: AnyMethod;
  readonly #implementation: AnyImplementation;
  readonly #deadline: Date | number;
  /** The bytes of the request of a method that takes one request. */
  #request: Buffer | undefined;
  /** `undefined` until the handler listens, or pauses or resumes the call. */
  #flowing: boolean | undefined;
  readonly #held = new HeldMessages();
  #halfClosed = false;
  #endEmitted = false;
  /** Number of responses that the kernel has not accepted. */
  #unsent = 0;
  /** True if `write` has returned false since the last `drain`. */
  #mayDrain = false;
  request: unknown;
  cancelled = false;
  readonly metadata: unknown;

  constructor(call: GrpcCall, method: AnyMethod, implementation: AnyImplementation, deadline: Date | number) {
    super();
    this.#call = call;
    this.#method = method;
    this.#implementation = implementation;
    this.#deadline = deadline;
    this.metadata = metadataOf(call.head.fields);
    // If a handler emits an error, the error is the status of the call.
    this.on('error', (error: unknown) => this.#fail(error));
    this.on('newListener', (event) => {
      if (event !== 'data' || this.#flowing !== undefined) return;
      queueMicrotask(() => {
        // A handler that has paused the call meanwhile gets nothing.
        if (this.#flowing === undefined) this.resume();
      });
    });
  }

  /** Bytes of messages that wait for the handler. */
  get unreadBytes(): number {
    return this.#held.bytes + (this.#request?.length ?? 0);
  }

  start(): void {
    // A method with one request starts when the request is complete, as in grpc-js.
    if (this.#method.requestStream) this.#run(undefined);
    if (!this.#call.isOver) this.#call.handleWith(this);
  }

  // Called by handlers

  getPeer(): string {
    return this.#call.address;
  }

  getDeadline(): Date | number {
    return this.#deadline;
  }

  getPath(): string {
    return this.#method.path;
  }

  getHost(): string {
    const { head } = this.#call;
    return head.authority === '' ? (head.get('host') ?? '') : head.authority;
  }

  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate } {
    const { certificate } = this.#call;
    return certificate === undefined ? {} : { sslPeerCertificate: certificate };
  }

  sendMetadata(metadata: unknown): void {
    this.#call.sendHeaders(fieldsOf(metadata));
  }

  /** Emits no messages until `resume`. */
  pause(): this {
    this.#flowing = false;
    this.#call.pauseReading();
    return this;
  }

  resume(): this {
    this.#flowing = true;
    while (this.#isReading) {
      const next = this.#held.take();
      if (next === undefined) break;
      this.#emitMessage(next);
    }
    if (!this.#isReading) return this;
    this.#call.resumeReading();
    this.#emitEnd();
    return this;
  }

  /** Iterates over the requests. Pauses the call while the handler is busy. Throws if the call ends before them. */
  [Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    return iterateRequests(this, () => this.#call.isOver);
  }

  /**
   * Sends a response. The callback is called when the kernel has accepted it, or with an error if the call is over.
   * Returns false if earlier output waits: for a window, for the kernel, or for the end of the tick.
   */
  write(message: unknown, encoding?: string | WriteCallback, then?: WriteCallback): boolean {
    const callback = typeof encoding === 'function' ? encoding : then;
    if (this.#call.isOver) {
      if (callback !== undefined)
        process.nextTick(() => this.#protect(() => callback(new Error('the call is over'))));
      return false;
    }
    const frame = this.#frameOf(message);
    if (frame === undefined) return false;
    const sent = (): void => {
      this.#unsent -= 1;
      if (callback !== undefined) this.#protect(callback);
      if (this.#unsent === 0) this.#drained();
    };
    this.#unsent += 1;
    this.#call.sendData(frame, { sent });
    const { isBackedUp } = this.#call;
    this.#mayDrain ||= isBackedUp;
    return !isBackedUp;
  }

  /** Emits `drain` if `write` has returned false. Once: a handler may write at each `drain` until it returns false. */
  #drained(): void {
    if (!this.#mayDrain || this.#call.isOver) return;
    this.#mayDrain = false;
    this.emit('drain');
  }

  end(metadata?: unknown): this {
    this.#endWith({ code: grpcStatus.OK, message: '', trailers: fieldsOf(metadata) });
    return this;
  }

  /** Ends the call: with the status of an error, or else with CANCELLED. */
  destroy(error?: unknown): this {
    if (error === undefined || error === null)
      this.#call.cancel({ code: grpcStatus.CANCELLED, message: 'the handler has ended the call' });
    else this.#fail(error);
    return this;
  }

  // Called by the call

  message(bytes: Buffer): void {
    if (!this.#method.requestStream) {
      // Copied, because the bytes are valid only during the call.
      if (this.#request === undefined) this.#request = Buffer.from(bytes);
      else this.#endWith(notOneRequest);
    } else if (this.#flowing === true) this.#emitMessage(Buffer.from(bytes));
    else {
      this.#held.add(bytes);
      this.#call.pauseReading();
    }
  }

  halfClosed(): void {
    this.#halfClosed = true;
    if (this.#method.requestStream) {
      if (this.#flowing === true) this.#emitEnd();
      return;
    }
    const request = this.#request;
    if (request === undefined) return this.#endWith(notOneRequest);
    this.#request = undefined;
    const decoded = this.#decode(request);
    if (decoded !== undefined) this.#run(decoded.message);
  }

  aborted(): void {
    this.cancelled = true;
    this.#held.clear();
    this.emit('cancelled', 'cancelled');
    this.emit('close');
  }

  get #isReading(): boolean {
    return this.#flowing === true && !this.#call.isOver;
  }

  #emitMessage(bytes: Buffer): void {
    const decoded = this.#decode(bytes);
    if (decoded !== undefined) this.emit('data', decoded.message);
  }

  /** Decodes a message, in an object: it may have any value. If the service cannot, cancels the call. */
  #decode(bytes: Buffer): { readonly message: unknown } | undefined {
    try {
      return { message: this.#method.requestDeserialize(bytes) };
    } catch {
      this.#call.cancel({ code: grpcStatus.INTERNAL, message: 'the request cannot be decoded' });
      return undefined;
    }
  }

  #emitEnd(): void {
    if (!this.#halfClosed || this.#endEmitted) return;
    this.#endEmitted = true;
    this.emit('end');
  }

  #run(request: unknown): void {
    this.request = request;
    const result = this.#protect(() =>
      this.#method.responseStream ? this.#implementation(this) : this.#implementation(this, this.#respond),
    );
    // An async function. Otherwise, an error in it would end the process.
    if (result instanceof Promise) result.catch((error: unknown) => this.#threw(error));
  }

  /** Emits an event. An error of a listener ends the call, not the connection or the process. */
  override emit(event: string, ...values: unknown[]): boolean {
    return this.#protect(() => super.emit(event, ...values)) ?? true;
  }

  /** Runs code of the service. An error that it throws is the status of the call. */
  #protect<Result>(run: () => Result): Result | undefined {
    try {
      return run();
    } catch (error) {
      this.#threw(error);
      return undefined;
    }
  }

  #threw(error: unknown): void {
    if (this.#call.isOver) process.emitWarning(`a handler threw an error after its call: ${String(error)}`);
    else this.#fail(error);
  }

  readonly #respond = (error: unknown, value?: unknown, trailer?: unknown): void => {
    if (error !== null && error !== undefined) return this.#fail(error, trailer);
    const frame = this.#frameOf(value);
    if (frame === undefined) return;
    this.#call.sendData(frame);
    this.#endWith({ code: grpcStatus.OK, message: '', trailers: fieldsOf(trailer) });
  };

  /** Frames a response. If the service cannot serialize it, the call ends with INTERNAL: the handler may run later. */
  #frameOf(message: unknown): ReturnType<typeof frameMessage> | undefined {
    try {
      return frameMessage(this.#method.responseSerialize(message));
    } catch {
      this.#endWith({ code: grpcStatus.INTERNAL, message: 'the response cannot be encoded' });
      return undefined;
    }
  }

  #fail(error: unknown, trailer?: unknown): void {
    this.#endWith(statusOf(error, trailer));
  }

  #endWith(status: GrpcStatus): void {
    if (this.#call.isOver) return;
    this.#call.end(status);
    this.emit('finish');
    this.emit('close');
  }
}
