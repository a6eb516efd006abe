import { constants } from 'node:http2';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { http2StreamOf, reachBelow, readBelow, writeBelow } from './below-grpc.ts';
import type { Below, BytesCall } from './below-grpc.ts';
import { guardedSession } from './guard-grpc.ts';
import type { GuardedSession } from './guarded.ts';
import { heldBy, splitMessages } from './split-messages.ts';
import type { LeftOver, MessageSink } from './split-messages.ts';
import type { LinkHandler, LinkMessage, LinkStatus, PeerCertificate, StreamLink } from './stream-link.ts';

/** How many streams of ours each connection has. */
const streamsOn = new WeakMap<Http2Session, number>();

/** A call of grpc-js. `direct`: whether bytes go past grpc-js where that is possible. */
// A class: each stream has one, and as closures each would have its own copy of every function.
export class GrpcJsLink implements StreamLink, MessageSink {
  readonly #call: BytesCall;
  readonly #below: Below | undefined;
  /** Undefined where grpc-js is not as it is known to be. */
  readonly #stream: ServerHttp2Stream | undefined;
  readonly #http2: Http2Session | undefined;
  readonly address: string;
  #handler: LinkHandler | undefined;
  #leftOver: LeftOver | undefined;
  /** Bytes that arrived since the last message, where grpc-js joins them. */
  #arrived = 0;
  #isOver = false;

  constructor(call: BytesCall, direct: boolean) {
    this.#call = call;
    this.#below = direct ? reachBelow(call) : undefined;
    this.#stream = http2StreamOf(call);
    this.#http2 = this.#stream?.session;
    this.address = call.getPeer();
    if (this.#http2 !== undefined) streamsOn.set(this.#http2, (streamsOn.get(this.#http2) ?? 0) + 1);
  }

  get certificate(): PeerCertificate | undefined {
    return this.#call.getAuthContext().sslPeerCertificate;
  }

  get session(): GuardedSession | undefined {
    return this.#http2 === undefined ? undefined : guardedSession(this.#http2);
  }

  get isRetiring(): boolean {
    return this.#http2?.closed === true;
  }

  get endedByClient(): boolean {
    if (this.#http2 === undefined) return false;
    // A reset that leaves the connection alive came over it.
    if (!this.#http2.destroyed) return true;
    // Node's code for the streams of a connection that the other end closed in an orderly way: with FIN, which the
    // kernel sends for a process that ends, too. An Envoy 1.36 or 1.40 that gets SIGTERM, SIGKILL or /quitquitquit
    // sends no GOAWAY and no END_STREAM, only that. A RST (which a process that is killed with unread data leaves
    // behind, but also any relay on the way) and a time-out are INTERNAL_ERROR; what the keepalive destroys has no
    // error at all.
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
    // A cancelled call ends too, a moment before it says that it is cancelled.
    const halfClosed = (): void => void setImmediate(() => this.#isOver || handler.halfClosed());
    if (this.#below !== undefined) return readBelow(this.#below, (chunk) => this.#chunk(chunk), halfClosed);
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

  send({ bytes, framed }: LinkMessage, done: (error?: Error | null) => void): void {
    if (this.#below === undefined) this.#call.write(bytes, done);
    else writeBelow(this.#below, this.#call, framed, done);
  }

  end({ code, message }: LinkStatus): void {
    if (!this.#leave()) return;
    // What grpc-js takes for a status: `destroy` would drop it. https://github.com/grpc/grpc-node, server-call
    if (code === status.OK) this.#call.end();
    else this.#call.emit('error', { code, details: message });
  }

  abandon(how: LinkStatus): void {
    if (this.#stream === undefined || this.#http2 === undefined) return this.end(how);
    if (!this.#leave()) return;
    // What a gRPC client takes for RESOURCE_EXHAUSTED. https://github.com/grpc/grpc, PROTOCOL-HTTP2.md, errors
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // `close` would first wait until all is written.
    if (streamsOn.get(this.#http2) === 0) this.#http2.destroy();
  }

  message(bytes: Buffer): void {
    if (!this.#isOver) this.#handler?.message(bytes);
  }

  tooLong(length: number): void {
    const message = `Received message larger than max (${length} vs ${this.#below?.maxReceiveBytes ?? 0})`;
    this.#handler?.unreadable('RESOURCE_EXHAUSTED', message);
  }

  #chunk(chunk: Buffer): void {
    if (this.#isOver || this.#below === undefined) return;
    const leftOver = splitMessages(this.#leftOver, chunk, this.#below.maxReceiveBytes, this);
    if (this.#isOver) return;
    this.#leftOver = leftOver;
    this.#handler?.partial(heldBy(leftOver));
  }

  /** Returns false if the stream is over already. */
  #leave(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#leftOver = undefined;
    if (this.#http2 !== undefined) streamsOn.set(this.#http2, (streamsOn.get(this.#http2) ?? 1) - 1);
    return true;
  }
}
