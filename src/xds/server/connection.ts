import { constants } from 'node:http2';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { http2StreamOf } from './below-grpc.ts';
import type { BytesCall } from './below-grpc.ts';

/** The connection under a stream of ours, as far as grpc-js lets it be reached. */
export interface Connection {
  /** It takes no new streams, for its age or because the server is shut down, and ends with its last one. */
  readonly retiring: boolean;
  /**
   * Whether the client ended a stream that was aborted. False if the connection broke, or this server gave it
   * up: then the client may still run.
   */
  closedByClient(): boolean;
  /** The stream is over. */
  leave(): void;
  /**
   * Gives up on an end that takes nothing, so that no status would reach it: resets the stream, and breaks the
   * connection if no other is left on it, whatever is still to be written. After `leave`.
   */
  abandon(): void;
}

/** How many streams of ours each connection has. */
const streamsOn = new WeakMap<Http2Session, number>();

/** Finds the connection of a stream that begins; undefined where grpc-js is not as it is known to be. */
export function joinConnection(call: BytesCall): Connection | undefined {
  const stream = http2StreamOf(call);
  const session = stream?.session;
  if (stream === undefined || session === undefined) return undefined;
  streamsOn.set(session, (streamsOn.get(session) ?? 0) + 1);
  return new StreamConnection(stream, session);
}

// A class: each stream has one, and as closures each would have its own copy of every function.
class StreamConnection implements Connection {
  readonly #stream: ServerHttp2Stream;
  readonly #session: Http2Session;

  constructor(stream: ServerHttp2Stream, session: Http2Session) {
    this.#stream = stream;
    this.#session = session;
  }

  get retiring(): boolean {
    return this.#session.closed;
  }

  closedByClient(): boolean {
    // A reset that leaves the connection alive came over it.
    if (!this.#session.destroyed) return true;
    // Node's code for the streams of a connection that the other end closed in an orderly way: with FIN, which the
    // kernel sends for a process that ends, too. An Envoy 1.36 or 1.40 that gets SIGTERM, SIGKILL or /quitquitquit
    // sends no GOAWAY and no END_STREAM, only that. A RST (which a process that is killed with unread data leaves
    // behind, but also any relay on the way) and a time-out are INTERNAL_ERROR; what the keepalive destroys has no
    // error at all.
    return this.#stream.rstCode === constants.NGHTTP2_CANCEL;
  }

  leave(): void {
    streamsOn.set(this.#session, (streamsOn.get(this.#session) ?? 1) - 1);
  }

  abandon(): void {
    // What a gRPC client takes for RESOURCE_EXHAUSTED. https://github.com/grpc/grpc, PROTOCOL-HTTP2.md, errors
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // `close` would first wait until all is written.
    if (streamsOn.get(this.#session) === 0) this.#session.destroy();
  }
}
