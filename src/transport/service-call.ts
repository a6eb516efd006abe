import { EventEmitter } from 'node:events';
import type { PeerCertificate } from 'node:tls';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallHandler } from './call-request.ts';
import type { GrpcCall } from './grpc-call.ts';
import { frameMessage } from './message-frames.ts';
import { metadataOf, fieldsOf } from './metadata.ts';
import { grpcStatus } from './status.ts';
import type { GrpcStatus } from './status.ts';
import { notOneRequest } from './unary-call.ts';

/** A method of a service definition, with messages of any type. */
export type AnyMethod = MethodDefinition<unknown, unknown>;
/** A handler of a method, for any of the four kinds of `@grpc/grpc-js`. */
export type AnyImplementation = (call: unknown, respond?: unknown) => void;

/** Serves a call with a handler that was written for `Server` of `@grpc/grpc-js`. */
export function serveCall(
  call: GrpcCall,
  method: AnyMethod,
  implementation: AnyImplementation,
  deadline: Date | number,
): void {
  new ServiceCall(call, method, implementation, deadline).start();
}

/** A status as handlers pass it: an error with a code. */
interface ServiceError {
  readonly code?: unknown;
  readonly details?: unknown;
  readonly message?: unknown;
  readonly metadata?: unknown;
}

/** Memory of a message that waits, besides its bytes: it is decoded, and an empty one is an object, too. */
const heldOverhead = 256;

/** A message that waits until the handler reads. */
interface HeldMessage {
  readonly message: unknown;
  readonly bytes: number;
}

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
  /** The request of a method that takes one request. */
  #request: HeldMessage | undefined;
  #flowing = false;
  readonly #held: HeldMessage[] = [];
  #halfClosed = false;
  #endEmitted = false;
  unreadBytes = 0;
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
    this.on('error', (error: ServiceError) => this.#fail(error));
    this.on('newListener', (event) => {
      if (event === 'data' && !this.#flowing) queueMicrotask(() => this.resume());
    });
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
    return this.#call.head.authority;
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
    while (this.#flowing && !this.#call.isOver) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.unreadBytes -= next.bytes;
      this.emit('data', next.message);
    }
    if (!this.#flowing || this.#call.isOver) return this;
    this.#call.resumeReading();
    this.#emitEnd();
    return this;
  }

  /** Sends a response. `callback` is called when the kernel has accepted it. Returns false if it waits for a window. */
  write(message: unknown, callback?: (error?: Error | null) => void): boolean {
    if (this.#call.isOver) return false;
    const frame = this.#frameOf(message);
    if (frame === undefined) return false;
    const sent = (): void => {
      if (callback !== undefined) this.#protect(callback);
      this.emit('drain');
    };
    this.#call.sendData(frame, { sent });
    return this.#call.unsentBytes === 0;
  }

  end(metadata?: unknown): this {
    this.#endWith({ code: grpcStatus.OK, message: '', trailers: fieldsOf(metadata) });
    return this;
  }

  destroy(): this {
    this.#call.abandon();
    return this;
  }

  // Called by the call

  message(bytes: Buffer): void {
    let message: unknown;
    try {
      // Copied, because a handler may keep the message.
      message = this.#method.requestDeserialize(Buffer.from(bytes));
    } catch {
      return this.#endWith({ code: grpcStatus.INTERNAL, message: 'the request cannot be decoded' });
    }
    if (!this.#method.requestStream) {
      if (this.#request === undefined) this.#request = this.#hold(message, bytes);
      else this.#endWith(notOneRequest);
    } else if (this.#flowing) this.emit('data', message);
    else {
      this.#held.push(this.#hold(message, bytes));
      this.#call.pauseReading();
    }
  }

  #hold(message: unknown, { length }: Buffer): HeldMessage {
    const bytes = length + heldOverhead;
    this.unreadBytes += bytes;
    return { message, bytes };
  }

  halfClosed(): void {
    this.#halfClosed = true;
    if (this.#method.requestStream) {
      if (this.#flowing) this.#emitEnd();
    } else if (this.#request === undefined) this.#endWith(notOneRequest);
    else {
      this.unreadBytes = 0;
      this.#run(this.#request.message);
    }
  }

  aborted(): void {
    this.cancelled = true;
    this.emit('cancelled', 'cancelled');
    this.emit('close');
  }

  #emitEnd(): void {
    if (!this.#halfClosed || this.#endEmitted) return;
    this.#endEmitted = true;
    this.emit('end');
  }

  #run(request: unknown): void {
    this.request = request;
    this.#protect(() => {
      if (this.#method.responseStream) this.#implementation(this);
      else this.#implementation(this, this.#respond);
    });
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
      if (this.#call.isOver) process.emitWarning(`a handler threw an error after its call: ${String(error)}`);
      else this.#fail(error as ServiceError);
      return undefined;
    }
  }

  readonly #respond = (error: ServiceError | null | undefined, value?: unknown, trailer?: unknown): void => {
    if (error !== null && error !== undefined) return this.#fail(error);
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

  #fail({ code, details, message, metadata }: ServiceError): void {
    const text = typeof details === 'string' ? details : typeof message === 'string' ? message : '';
    const isKnown = typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 16;
    const trailers = fieldsOf(metadata);
    this.#endWith({ code: isKnown ? code : grpcStatus.UNKNOWN, message: text, trailers });
  }

  #endWith(status: GrpcStatus): void {
    if (this.#call.isOver) return;
    this.#call.end(status);
    this.emit('finish');
    this.emit('close');
  }
}
