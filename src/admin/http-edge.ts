import type { IncomingMessage, ServerResponse } from 'node:http';
import { createHttpListener } from '../net/http-listener.ts';
import { isLoopback, parseListenAddress } from '../net/listen-address.ts';
import { refuseCaller } from './access.ts';
import type { AdminAccess } from './access.ts';
import { eventsType } from './event-hub.ts';
import type { EventHub } from './event-hub.ts';
import { errorReply, textReply } from './reply.ts';
import type { Reply } from './reply.ts';
import { refuseRequest } from './request-guard.ts';
import { route } from './router.ts';
import type { Route } from './router.ts';
import { createSecureServer } from './secure-server.ts';

/** An HTTP server over a table of routes. */
export interface HttpEdge extends AsyncDisposable {
  /** Listens on `HOST:PORT` or `unix:PATH`; resolves with the address, port 0 replaced by the actual one. */
  listen(address: string): Promise<string>;
  /** Stops listening, completes the responses in progress, and closes every connection. */
  close(): Promise<void>;
  /** Uses renewed TLS files for new connections. */
  renewTls(): void;
}

export interface HttpEdgeOptions {
  readonly routes: readonly Route[];
  /** A path whose response does not end, and the function that handles it. */
  readonly events?: { readonly path: string; readonly hub: EventHub } | undefined;
  /** Called with an error that a route threw; the client gets `internal`. */
  readonly onError: (error: unknown) => void;
  /** Called for a connection that could not be accepted. */
  readonly acceptFailed?: ((error: Error) => void) | undefined;
  /** By default every caller is accepted, over plain HTTP. */
  readonly access?: AdminAccess | undefined;
  /** Maximum number of connections, beyond which idle ones are closed; 256. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds until a silent connection is closed that has not completed its TLS handshake; 5,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

// A request is complete with its headers, and every response is made at once.
const limits = { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 8192 };

/** Creates a server whose only state is its connections. */
export function createHttpEdge({
  routes,
  events,
  onError,
  acceptFailed,
  access = {},
  maxConnections,
  handshakeTimeoutMs,
}: HttpEdgeOptions): HttpEdge {
  let checkHost = true;
  const secure = access.tls !== undefined;
  const { server, renew } = createSecureServer(access, {
    ...limits,
    connectionsCheckingInterval: 1000,
    handshakeTimeoutMs,
  });
  const listener = createHttpListener(server, {
    onRequest: (request, response) => void respond(request, response),
    maxConnections,
    acceptFailed,
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refuseRequest(request.headers, { checkHost, secure }) ?? refuseCaller(request, access);
    if (refusal === undefined && events !== undefined && isFor(request, events.path)) {
      // A client that has lost access since gets no more events.
      const mayStay = (): boolean => refuseCaller(request, { ...access, failed: undefined }) === undefined;
      const tooMany = events.hub.open(response, mayStay);
      if (tooMany !== undefined) write(response, tooMany, true);
      return;
    }
    write(response, refusal ?? (await answer(request)), refusal !== undefined);
  }

  // The stream itself is no reply. The route responds to HEAD, and refuses other methods.
  const all: readonly Route[] =
    events === undefined
      ? routes
      : [...routes, { method: 'GET', pattern: events.path, answer: () => textReply(eventsType, '') }];

  async function answer({ method = '', url = '' }: IncomingMessage): Promise<Reply> {
    try {
      return await route(all, method, url);
    } catch (error) {
      onError(error);
      return errorReply('internal', 'internal error');
    }
  }

  const close = (): Promise<void> => listener.close(() => events?.hub.close());

  return {
    async listen(text) {
      const address = parseListenAddress(text);
      // No browser can be made to use a unix socket.
      checkHost = address.kind === 'tcp' && isLoopback(address);
      return listener.listen(address);
    },
    close,
    renewTls: renew,
    [Symbol.asyncDispose]: close,
  };
}

function isFor({ method, url = '' }: IncomingMessage, path: string): boolean {
  return method === 'GET' && url.split('?', 1)[0] === path;
}

function write(
  response: ServerResponse,
  { status, contentType, body, headers }: Reply,
  closing: boolean,
): void {
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // A refused request may have a body, which is not read.
    ...(closing ? { Connection: 'close' } : {}),
    ...headers,
  });
  response.end(body);
}
