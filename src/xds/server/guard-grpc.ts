import type { EventEmitter } from 'node:events';
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import type { StreamGuard } from './stream-guard.ts';

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

/**
 * Puts a guard before the streams of a server that is not bound yet. grpc-js 1.14 has no public way for it, so its
 * inside is checked first: returns false, and changes nothing, if it is not as known.
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

/** Returns the type of the handler at a path, such as `unary` or `bidi`; undefined if there is none. */
export function handlerTypeOf(server: Server, path: string): string | undefined {
  const handlers: unknown = Reflect.get(server, 'handlers');
  if (!(handlers instanceof Map)) return undefined;
  const handler = (handlers as Map<string, { readonly type?: string }>).get(path);
  return handler?.type;
}

function guardListener(listener: EventEmitter, guard: StreamGuard): void {
  const served = listener.listeners('stream') as StreamListener[];
  let current: Http2Session | undefined;
  // A stream that was reset at once does not know its session any more.
  listener.on('session', (session: Http2Session) => {
    session.prependListener('stream', () => (current = session));
    session.once('error', ({ code }: NodeJS.ErrnoException) => {
      // Not those of the socket: a client may vanish at any time.
      if (code?.startsWith('ERR_HTTP2') === true) guard.failed(session);
    });
  });
  listener.removeAllListeners('stream');
  listener.on('stream', (...[stream, headers, ...rest]: Parameters<StreamListener>) => {
    const session = stream.session ?? current;
    if (session === undefined) return;
    guard.enter(session, stream, headers, () => {
      for (const serve of served) serve.call(listener, stream, headers, ...rest);
    });
  });
}
