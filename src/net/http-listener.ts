import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { formatListenAddress, removeStaleSocket } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { reasonOf } from '../text/system-error.ts';

/** Listens with an HTTP server, keeps the number of its connections down, and closes them at the end. */
export interface HttpListener {
  /**
   * Listens on an address, and resolves with it, port 0 replaced by the actual one.
   * @throws {Error} if the address cannot be used.
   */
  listen(address: ListenAddress): Promise<string>;
  /**
   * Stops listening, lets responses in progress finish for a second, and closes every connection. `closing` is
   * called once no new connection is accepted: it ends the responses that have no end of their own.
   */
  close(closing?: () => void): Promise<void>;
}

export interface HttpListenerOptions {
  readonly onRequest: RequestListener;
  /**
   * Maximum number of connections, 256. Beyond it connections that wait for their client are closed, the longest idle
   * first.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Maximum bytes of complete responses that clients have not taken, 64 MiB. Beyond it connections of such clients are
   * closed, the longest waiting first. The newest response may be longer.
   */
  readonly maxUnreadBytes?: number | undefined;
  /** Milliseconds for which a connection without a request is new, 1,000. Others are closed before it. */
  readonly firstRequestMs?: number | undefined;
  /** Called for a connection that could not be accepted, for example because the system has no memory for it. */
  readonly acceptFailed?: ((error: Error) => void) | undefined;
}

/** The state of a connection: its last request, if any, and the response before that, which may wait for the client. */
interface Connection {
  /** When it was accepted, in monotonic milliseconds. */
  readonly since: number;
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  before: ServerResponse | undefined;
}

const defaultMaxConnections = 256;
const defaultMaxUnreadBytes = 64 * 1024 * 1024;
/** A kubelet waits this long for the answer to a probe. */
const defaultFirstRequestMs = 1000;
/**
 * The number of connections that may wait to be accepted. With Node's default of 511, clients that connect again and
 * again fill the queue: the kernel drops the connection of a probe, which tries again after a second. Linux allows 4096
 * by default.
 */
const backlog = 4096;
/** Milliseconds for which a response in progress may delay the end. */
const closeMs = 1000;

/**
 * Wraps a server (HTTP or HTTPS) that has no request listener yet and does not listen yet.
 *
 * Clients without credentials can open as many connections as they like. A connection on which the server waits for
 * the client must not take the place of a new one: a probe, a scrape or a review arrives within milliseconds of its
 * connection. Such a connection is silent, idle after a response, in the middle of a request, or slow to read.
 */
export function createHttpListener(
  server: Server,
  {
    onRequest,
    maxConnections = defaultMaxConnections,
    maxUnreadBytes = defaultMaxUnreadBytes,
    firstRequestMs = defaultFirstRequestMs,
    acceptFailed,
  }: HttpListenerOptions,
): HttpListener {
  /** Open connections, the longest idle first. */
  const open = new Map<Socket, Connection>();
  /** Below TLS, because a request has another socket than its connection. */
  const byPeer = new Map<string, Socket>();
  // One turn of the event loop can accept many connections before those that were closed are counted out.
  server.maxConnections = 2 * maxConnections;

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    open.set(socket, { since: performance.now(), last: undefined, before: undefined });
    if (peer !== undefined) byPeer.set(peer, socket);
    const forget = (): void => {
      open.delete(socket);
      if (peer !== undefined && byPeer.get(peer) === socket) byPeer.delete(peer);
    };
    socket.once('close', forget);
    if (open.size <= maxConnections) return;
    const idle = longestIdle();
    if (idle === undefined) return;
    open.delete(idle);
    idle.destroy();
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const socket = open.has(request.socket) ? request.socket : byPeer.get(peerOf(request.socket) ?? '');
    const connection = socket && open.get(socket);
    if (socket !== undefined && connection !== undefined) {
      // No client of ours sends a request before it has the response to the one before. A stranger could have
      // thousands of them answered at once, on a single connection.
      if (isWorkedFor(connection)) return void request.socket.destroy();
      // Node.js reads no third request while two responses wait.
      connection.before = connection.last?.response;
      connection.last = { request, response };
      open.delete(socket);
      open.set(socket, connection);
      response.once('prefinish', () => limitUnread(socket));
    }
    onRequest(request, response);
  });

  /**
   * Returns the connection to close. One that is new and has no request yet is the last choice: on a busy machine, a
   * client may take longer to send its first request than others take to open as many connections as there may be.
   */
  function longestIdle(): Socket | undefined {
    const newSince = performance.now() - firstRequestMs;
    let silent: Socket | undefined;
    for (const [socket, connection] of open) {
      if (isWorkedFor(connection)) continue;
      if (connection.last !== undefined || connection.since <= newSince) return socket;
      silent ??= socket;
    }
    return silent;
  }

  /** A stranger could have a long response, such as the metrics, made for each connection and read none of them. */
  function limitUnread(newest: Socket): void {
    const unread = [...open].map(([socket, connection]) => [socket, unreadBytesOf(connection)] as const);
    let sum = unread.reduce((total, [, bytes]) => total + bytes, 0);
    for (const [socket, bytes] of unread) {
      if (sum <= maxUnreadBytes) return;
      if (bytes === 0 || socket === newest) continue;
      sum -= bytes;
      open.delete(socket);
      socket.destroy();
    }
  }

  return {
    async listen(address) {
      if (address.kind === 'unix') await removeStaleSocket(address.path);
      await new Promise<void>((resolve, reject) => {
        const failed = (error: Error): void => {
          const text = `cannot listen on ${formatListenAddress(address)}: ${reasonOf(error)}`;
          reject(new Error(text, { cause: error }));
        };
        server.once('error', failed);
        const target = address.kind === 'unix' ? { path: address.path } : address;
        // Exclusive: in a worker, `cluster` would give connections to other workers.
        server.listen({ ...target, backlog, exclusive: true }, () => {
          server.off('error', failed);
          // An error of one connection, such as too many open files, does not end the listener.
          server.on('error', (error) => acceptFailed?.(error));
          resolve();
        });
      });
      const bound = server.address();
      const isTcp = typeof bound === 'object' && bound !== null && address.kind === 'tcp';
      return formatListenAddress(isTcp ? { ...address, port: bound.port } : address);
    },
    close: (closing) =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        // The server itself knows no connection that is still in its TLS handshake.
        const deadline = setTimeout(() => open.forEach((_, socket) => void socket.destroy()), closeMs);
        server.close(() => {
          clearTimeout(deadline);
          resolve();
        });
        server.closeIdleConnections();
        closing?.();
      }),
  };
}

/** Returns true if the client waits for the server: its request is complete, and the response is not. */
function isWorkedFor({ last }: Connection): boolean {
  return (
    last !== undefined && last.request.complete && !last.response.writableEnded && !last.response.destroyed
  );
}

/** Returns the bytes of complete responses that the client has not taken. */
function unreadBytesOf({ last, before }: Connection): number {
  if (last?.response.writableEnded !== true) return 0;
  const waiting = before?.writableFinished === false ? before.writableLength : 0;
  return last.response.writableLength + waiting;
}

function peerOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
