import { constants } from 'node:http2';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { http2StreamOf } from './below-grpc.ts';
import type { BytesCall } from './below-grpc.ts';

/** The connection under a stream of ours, as far as grpc-js lets it be reached. */
export interface Connection {
  /** It takes no new streams, for its age or because the server is shut down, and ends with its last one. */
  readonly retiring: boolean;
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
