import type { EventEmitter } from 'node:events';
import { constants } from 'node:http2';
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server, status } from '@grpc/grpc-js';
import type { GuardedSession, GuardedStream, StreamFollower } from './guarded.ts';
import { MessageBounds } from './message-bounds.ts';
import { copyArrivals, stopCopying } from './own-bytes.ts';
import type { StreamGuard } from './stream-guard.ts';

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

/**
 * Installs a guard for the streams of a server that is not bound yet. grpc-js 1.14 has no public interface for
 * it, so its internals are checked first. Returns false and changes nothing if they are not as expected.
 */
export function guardGrpc(server: Server, guard: StreamGuard): boolean {
  const setUp: unknown = Reflect.get(server, '_setupHandlers');
  if (typeof setUp !== 'function' || !(Reflect.get(server, 'handlers') instanceof Map)) return false;
  Reflect.set(server, '_setupHandlers', (listener: EventEmitter | null, ...rest: unknown[]): void => {
    Reflect.apply(setUp, server, [listener, ...rest]);
    if (listener !== null) guardListener(listener, guard);
  });
  return true;
}

/** Returns the type of the handler at a path, such as `unary` or `bidi`; `undefined` for a path without a handler. */
export function handlerTypeOf(server: Server, path: string): string | undefined {
  const handlers: unknown = Reflect.get(server, 'handlers');
  if (!(handlers instanceof Map)) return undefined;
  const handler = (handlers as Map<string, { readonly type?: string }>).get(path);
  return handler?.type;
}

function guardListener(listener: EventEmitter, guard: StreamGuard): void {
  const served = listener.listeners('stream') as StreamListener[];
  let current: Http2Session | undefined;
  // A stream that was reset at once no longer has its session.
  listener.on('session', (session: Http2Session) => {
    session.prependListener('stream', () => (current = session));
    session.once('error', ({ code }: NodeJS.ErrnoException) => {
      // Ignore socket errors: a client may vanish at any time.
      if (code?.startsWith('ERR_HTTP2') === true) guard.failed(guardedSession(session), 'http2-error');
    });
  });
  listener.removeAllListeners('stream');
  listener.on('stream', (...[stream, headers, ...rest]: Parameters<StreamListener>) => {
    const session = stream.session ?? current;
    if (session === undefined) return;
    // Without a listener, an error of a stream would end the process. 'close' reports the end of the stream.
    stream.on('error', ignore);
    const serveAll = (): void => {
      for (const serve of served) serve.call(listener, stream, headers, ...rest);
    };
    guard.enter(guardedSession(session), new Http2GuardedStream(stream, headers, serveAll));
  });
}

const sessions = new WeakMap<Http2Session, GuardedSession>();

/** Returns the guard's view of a session, always the same object. */
export function guardedSession(session: Http2Session): GuardedSession {
  let guarded = sessions.get(session);
  if (guarded === undefined) sessions.set(session, (guarded = new Http2GuardedSession(session)));
  return guarded;
}

class Http2GuardedSession implements GuardedSession {
  readonly #session: Http2Session;
  readonly address: string;

  constructor(session: Http2Session) {
    this.#session = session;
    this.address = session.socket?.remoteAddress ?? '';
  }

  get isGone(): boolean {
    return this.#session.destroyed;
  }

  whenGone(callback: () => void): void {
    this.#session.once('close', callback);
  }

  retire(): void {
    // The calls that are open continue.
    if (!this.#session.closed) this.#session.close();
  }

  closeForExcess(): void {
    if (this.#session.destroyed) return;
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // Without a code: Node would create an error with a stack for each stream.
    this.#session.destroy();
  }
}

class Http2GuardedStream implements GuardedStream {
  readonly path: string;
  readonly contentType: string | undefined;
  readonly serve: () => void;
  readonly #stream: ServerHttp2Stream;
  /** `undefined` until the requests are followed. */
  #bounds: MessageBounds | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, serve: () => void) {
    this.path = headers[':path'] ?? '';
    this.contentType = headers['content-type'];
    this.serve = serve;
    this.#stream = stream;
    copyArrivals(stream);
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get isComplete(): boolean {
    return this.#stream.endAfterHeaders;
  }

  get unreadBytes(): number {
    return this.#stream.readableLength + (this.#bounds?.held ?? 0);
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  get hasResponded(): boolean {
    return this.#stream.headersSent;
  }

  whenGone(follower: Pick<StreamFollower, 'gone'>): void {
    this.#stream.once('close', () => follower.gone());
  }

  whenComplete(follower: Pick<StreamFollower, 'complete'>): void {
    this.#stream.once('end', () => follower.complete());
  }

  whenReadable(follower: Pick<StreamFollower, 'readable'>): void {
    this.#stream.once('readable', () => follower.readable());
  }

  release(): void {
    stopCopying(this.#stream);
  }

  followRequests(follower: Pick<StreamFollower, 'requestData'>): void {
    const bounds = (this.#bounds = new MessageBounds());
    this.#stream.on('data', (chunk: Buffer) => {
      bounds.read(chunk);
      follower.requestData(bounds.held > 0);
    });
  }

  /** Trailers-Only. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
  refuse(code: status, message: string): void {
    const stream = this.#stream;
    if (this.isGone || stream.headersSent) return;
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc+proto',
        'grpc-status': code,
        'grpc-message': encodeURI(message),
      },
      { endStream: true },
    );
    stream.removeAllListeners('readable');
    process.nextTick(() => stream.resume());
  }

  finish(): void {
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  reset(): void {
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

function ignore(): void {
  // Nothing to do: 'close' follows.
}
