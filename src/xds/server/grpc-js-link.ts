import { constants } from 'node:http2';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { status } from '@grpc/grpc-js';
import type { PeerMetadata } from '../core/peer.ts';
import { http2StreamOf, accessInternals, readDirectly, socketOf, writeDirectly } from './grpc-internals.ts';
import type { GrpcInternals, BytesCall } from './grpc-internals.ts';
import { guardedSession } from './guard-grpc.ts';
import type { GuardedSession } from './guarded.ts';
import { copyArrivals, stopCopying } from './own-bytes.ts';
import { heldBy, splitMessages } from './split-messages.ts';
import type { LeftOver, MessageSink } from './split-messages.ts';
import type { LinkHandler, LinkMessage, LinkStatus, SendListener, StreamLink } from './stream-link.ts';

/** Number of our streams on each connection. */
const streamsOn = new WeakMap<Http2Session, number>();

/**
 * The link of a grpc-js call. With `direct`, bytes bypass grpc-js where possible. A class, because each stream
 * has one: with closures, each would have its own copy of every function.
 */
export class GrpcJsLink implements StreamLink, MessageSink {
  readonly #call: BytesCall;
  readonly #internals: GrpcInternals | undefined;
  /** `undefined` if grpc-js has unexpected internals. */
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #http2: Http2Session | undefined;
  readonly address: string;
  #handler: LinkHandler | undefined;
  #leftOver: LeftOver | undefined;
  /** Bytes that arrived since the last message, while grpc-js joins them. */
  #arrived = 0;
  #isOver = false;
  #isPaused = false;

  constructor(call: BytesCall, direct: boolean) {
    this.#call = call;
    this.#internals = direct ? accessInternals(call) : undefined;
    this.#stream = http2StreamOf(call);
    this.#http2 = this.#stream?.session;
    this.address = call.getPeer();
    if (this.#http2 !== undefined) streamsOn.set(this.#http2, (streamsOn.get(this.#http2) ?? 0) + 1);
  }

  get socket(): Socket | undefined {
    return socketOf(this.#http2);
  }

  get metadata(): PeerMetadata {
    return this.#call.metadata;
  }

  get session(): GuardedSession | undefined {
    return this.#http2 === undefined ? undefined : guardedSession(this.#http2);
  }

  get isRetiring(): boolean {
    return this.#http2?.closed === true;
  }

  get endedByClient(): boolean {
    if (this.#http2 === undefined) return false;
    // The connection is alive, so the client reset the stream.
    if (!this.#http2.destroyed) return true;
    // Node uses this code for the streams of a connection that the client closed in an orderly way: with FIN,
    // which the kernel also sends when a process ends. An Envoy 1.36 or 1.40 that gets SIGTERM, SIGKILL or
    // /quitquitquit sends no GOAWAY and no END_STREAM, only FIN. A RST is INTERNAL_ERROR, and so is a time-out; a
    // process that is killed with unread data leaves a RST, but so does any relay on the way. A connection that
    // the keepalive destroys has no error.
    return this.#stream?.rstCode === constants.NGHTTP2_CANCEL;
  }

  get unwanted(): number | undefined {
    return this.#handler?.unwanted;
  }

  handleWith(handler: LinkHandler): void {
    this.#handler = handler;
    const call = this.#call;
    const gone = (): void => {
      if (this.#leave()) handler.aborted();
    };
    call.on('cancelled', gone);
    call.on('error', gone);
    call.on('close', gone);
    const halfClosed = (): void => {
      if (!this.#isOver) handler.halfClosed();
    };
    if (this.#internals !== undefined)
      return readDirectly(this.#internals, (chunk) => this.#chunk(chunk), halfClosed);
    call.on('data', (bytes: Buffer) => {
      this.#arrived = 0;
      handler.partial(0);
      this.message(bytes);
    });
    call.on('end', halfClosed);
    this.#stream?.on('data', (chunk: Buffer) => {
      this.#arrived += chunk.length;
      if (!this.#isOver) handler.partial(this.#arrived);
    });
  }

  get waitingRequestBytes(): number {
    return this.#isPaused ? (this.#stream?.readableLength ?? 0) : 0;
  }

  pauseReading(): void {
    if (this.#isOver || this.#isPaused) return;
    this.#isPaused = true;
    if (this.#stream !== undefined) copyArrivals(this.#stream);
    this.#readable.pause();
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#stream !== undefined) stopCopying(this.#stream);
    this.#readable.resume();
  }

  /** The stream whose 'data' events bring the requests. */
  get #readable(): Readable {
    return this.#internals?.stream ?? this.#call;
  }

  send({ bytes, framed }: LinkMessage, listener: SendListener): void {
    const done = (error?: Error | null): void => listener.sent(error);
    if (this.#internals === undefined) this.#call.write(bytes, done);
    else writeDirectly(this.#internals, this.#call, framed, done);
  }

  end({ code, message }: LinkStatus): void {
    if (!this.#leave()) return;
    // Emits an error because `destroy` would drop the status. https://github.com/grpc/grpc-node, server-call
    if (code === status.OK) this.#call.end();
    else this.#call.emit('error', { code, details: message });
  }

  abandon(how: LinkStatus): void {
    if (this.#stream === undefined || this.#http2 === undefined) return this.end(how);
    if (!this.#leave()) return;
    // gRPC clients read this code as RESOURCE_EXHAUSTED. https://github.com/grpc/grpc, PROTOCOL-HTTP2.md, errors
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // `close` would wait until all data is written.
    if (streamsOn.get(this.#http2) === 0) this.#http2.destroy();
  }

  message(bytes: Buffer): void {
    if (!this.#isOver) this.#handler?.message(bytes);
  }

  tooLong(length: number): void {
    const message = `Received message larger than max (${length} vs ${this.#internals?.maxReceiveBytes ?? 0})`;
    this.#handler?.unreadable('RESOURCE_EXHAUSTED', message);
  }

  #chunk(chunk: Buffer): void {
    if (this.#isOver || this.#internals === undefined) return;
    const leftOver = splitMessages(this.#leftOver, chunk, this.#internals.maxReceiveBytes, this);
    if (this.#isOver) return;
    this.#leftOver = leftOver;
    this.#handler?.partial(heldBy(leftOver));
  }

  /** Marks the stream as over. Returns false if it was over already. */
  #leave(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#leftOver = undefined;
    // Unread data would keep the stream from ending.
    this.resumeReading();
    if (this.#http2 !== undefined) streamsOn.set(this.#http2, (streamsOn.get(this.#http2) ?? 1) - 1);
    return true;
  }
}
