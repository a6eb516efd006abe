import type { ServerStream } from '../http2/stream.ts';
import { findField } from '../xds/wire/find-field.ts';
import type { MessageBuffers } from './message-buffers.ts';
import { MessageReader } from './message-reader.ts';
import type { MessageSink, ReadBudget } from './message-reader.ts';
import { grpcStatus } from './status.ts';
import type { GrpcStatus } from './status.ts';

/** Receives the requests of a call. */
export interface CallHandler {
  /** Number of a protobuf field that the handler does not need: it may be left out of messages. */
  readonly unwanted?: number | undefined;
  /** Bytes of messages that the handler holds and has not processed. */
  readonly unreadBytes?: number;
  /** A message has arrived. Its bytes are valid only during the call. */
  message(bytes: Buffer): void;
  /** The memory of an incomplete message has changed, in bytes; 0 if no message is incomplete. */
  partial?(held: number): void;
  /**
   * The next message cannot be read, nor anything after it. If the handler does not have this method, the call ends
   * with the status.
   */
  unreadable?(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void;
  /** The client has ended its side of the call. */
  halfClosed(): void;
  /** The call has ended, not by its handler: it was cancelled, timed out, or lost its connection. */
  aborted(): void;
}

/** Receives the events of a call for its guard. One object for all of them: each call would have four functions. */
export interface CallFollower {
  /** The call has ended, and its response was sent. */
  gone(): void;
  /** There are bytes to read. */
  readable(): void;
  /** The client has sent END_STREAM. */
  complete(): void;
  /** Data of requests has arrived. `isIncomplete`: the last request is incomplete. */
  requestData(isIncomplete: boolean): void;
}

/** Limits on the messages that are read. */
export interface ReadLimits {
  /** Maximum length of a message, in bytes. */
  readonly maxReceiveBytes: number;
  readonly budget: ReadBudget;
  readonly buffers: MessageBuffers;
}

/** The call of a request: it ends with a status if the request cannot be read. */
interface CancellableCall {
  cancel(status: GrpcStatus): void;
}

/** Memory of an incomplete message, and of each part that waits for a handler, besides its bytes. */
const partOverhead = 256;

/**
 * The request side of a call: reads bytes and passes messages to the handler. Until there is a handler, it holds the
 * bytes, up to the window of the stream.
 */
export class CallRequest implements MessageSink {
  readonly #call: CancellableCall;
  readonly #stream: ServerStream;
  readonly #limits: ReadLimits;
  readonly #reader: MessageReader;
  #handler: CallHandler | undefined;
  /** The bytes that arrived before there was a handler. */
  #early: Buffer[] | undefined;
  #earlyBytes = 0;
  #stopped = false;
  /** True if the handler does not want to read now. */
  #isPaused = false;
  /** True if the client has sent END_STREAM. */
  isComplete = false;
  /**
   * Time at which the incomplete message began to arrive, or reading was resumed, in ms; `undefined` between messages,
   * and while the handler has paused the call: then the client has no window for the rest.
   */
  messageBegunAt: number | undefined;
  /** Notified when the client has sent END_STREAM. */
  completeFollower: Pick<CallFollower, 'complete'> | undefined;
  /** Notified once, when bytes or the end of the request have arrived and there is no handler. */
  readableFollower: Pick<CallFollower, 'readable'> | undefined;
  #dataFollower: Pick<CallFollower, 'requestData'> | undefined;

  constructor(call: CancellableCall, stream: ServerStream, limits: ReadLimits) {
    this.#call = call;
    this.#stream = stream;
    this.#limits = limits;
    this.#reader = new MessageReader(limits.maxReceiveBytes, limits.budget, limits.buffers, this);
  }

  /** Bytes in memory that the handler has not processed. */
  get unreadBytes(): number {
    return this.#earlyBytes + this.#reader.heldBytes + (this.#handler?.unreadBytes ?? 0);
  }

  /** True if the data that has arrived ends within a message. Unknown without a handler: one frame may be a message. */
  get isIncomplete(): boolean {
    return this.#handler === undefined ? (this.#early?.length ?? 0) > 1 : this.#reader.isInside;
  }

  /** Passes the bytes that have arrived, and all later ones, to a handler. */
  handleWith(handler: CallHandler): void {
    this.#handler = handler;
    const early = this.#early;
    this.#early = undefined;
    this.#earlyBytes = 0;
    for (const bytes of early ?? []) this.data(bytes, 0, bytes.length);
    if (this.#stopped) return;
    if (this.isComplete) this.#halfClosed();
    else if (early !== undefined && !this.#isPaused) this.#stream.resumeReading();
  }

  /** Makes the client stop once the window of the stream is used up. Some messages may still arrive. */
  pauseReading(): void {
    this.#isPaused = true;
    this.messageBegunAt = undefined;
    this.#stream.pauseReading();
  }

  resumeReading(): void {
    this.#isPaused = false;
    this.#limitMessage();
    this.#stream.resumeReading();
  }

  followRequests(follower: Pick<CallFollower, 'requestData'>): void {
    this.#dataFollower = follower;
    follower.requestData(this.#reader.isInside);
  }

  /** Tells the handler that the call has ended. An error that it throws harms no other call of the connection. */
  abort(): void {
    try {
      this.#handler?.aborted();
    } catch (error) {
      process.emitWarning(`a handler threw an error at the end of its call: ${String(error)}`);
    }
  }

  /** Frees the memory and reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.messageBegunAt = undefined;
    this.#early = undefined;
    this.#earlyBytes = 0;
    this.#reader.stop();
  }

  // Called by the stream

  data(source: Buffer, from: number, to: number): void {
    if (this.#stopped) return;
    if (this.#handler === undefined && this.#isHeld(source, from, to)) return;
    // The guard may have refused the call because of these bytes.
    if (!this.#stopped) this.#reader.read(source, from, to);
    if (this.#stopped) return;
    const isInside = this.#reader.isInside;
    this.#limitMessage();
    this.#handler?.partial?.(isInside ? this.#reader.heldBytes + partOverhead : 0);
    this.#dataFollower?.requestData(isInside);
  }

  ended(): void {
    if (this.#stopped) return;
    this.isComplete = true;
    this.completeFollower?.complete();
    if (this.#handler === undefined) this.#readable();
    else this.#halfClosed();
  }

  // Called by the message reader

  message(bytes: Buffer): void {
    this.messageBegunAt = undefined;
    if (!this.#stopped) this.#handler?.message(bytes);
  }

  unwanted(start: Buffer): { readonly start: number; readonly end: number } | undefined {
    const field = this.#handler?.unwanted;
    return field === undefined ? undefined : findField(start, field);
  }

  unreadable(reason: 'too-long' | 'compressed' | 'over-budget', length: number): void {
    if (this.#stopped) return;
    const code = reason === 'compressed' ? 'INTERNAL' : 'RESOURCE_EXHAUSTED';
    const message = {
      'too-long': `Received message larger than max (${length} vs ${this.#limits.maxReceiveBytes})`,
      // A request with `grpc-encoding` is refused before its messages are read.
      compressed: 'a message is marked as compressed, but the request names no compression',
      'over-budget': 'incomplete messages exceed the memory limit of the server',
    }[reason];
    if (this.#handler?.unreadable === undefined) this.#call.cancel({ code: grpcStatus[code], message });
    else this.#handler.unreadable(code, message);
  }

  /** Begins the time limit of an incomplete message, or ends it. */
  #limitMessage(): void {
    const isAwaited = this.#reader.isInside && !this.#isPaused && !this.#stopped;
    this.messageBegunAt = isAwaited ? (this.messageBegunAt ?? performance.now()) : undefined;
  }

  #halfClosed(): void {
    if (this.#reader.isInside)
      return this.#call.cancel({ code: grpcStatus.INTERNAL, message: 'the request ends within a message' });
    this.#handler?.halfClosed();
  }

  /** Holds bytes if there is no handler. Returns false if the bytes caused one to be set: then it reads them. */
  #isHeld(source: Buffer, from: number, to: number): boolean {
    const isFirst = this.#early === undefined;
    this.#earlyBytes += to - from;
    // Nearly always, the first bytes are the request, and it is served at once. So they are not copied before.
    if (isFirst) this.#readable();
    if (this.#handler !== undefined || this.#stopped) {
      this.#earlyBytes = 0;
      return false;
    }
    if (this.#early === undefined) {
      this.#early = [];
      this.#stream.pauseReading();
    }
    this.#early.push(Buffer.from(source.subarray(from, to)));
    // Each part is an object, however short it is.
    this.#earlyBytes += partOverhead;
    return true;
  }

  #readable(): void {
    const follower = this.readableFollower;
    this.readableFollower = undefined;
    follower?.readable();
  }
}
