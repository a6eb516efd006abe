import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import type { ListenOptions, Server as NetServer, Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { formatListenAddress, parseListenAddress, removeStaleSocket } from '../net/listen-address.ts';
import { paceConnections } from './pace-connections.ts';
import { reasonOf } from '../text/system-error.ts';

/** A listener for sockets. */
export interface SocketListener {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** Accepts no more connections. */
  stop(): void;
}

/** The listener of a gRPC server. */
export interface GrpcListener extends SocketListener {
  /** Closes the remaining connections. */
  destroy(): void;
}

/**
 * Number of connections that may wait to be accepted, up to the kernel's limit (`net.core.somaxconn`). Node's own 511
 * overflow when all proxies reconnect at once, and each proxy without a place tries again after 1, 3, 7 seconds.
 */
const backlog = 4096;

/** Errors that make one of several addresses of a host name useless, such as `::1` on a machine without IPv6. */
const unusable: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/**
 * Accepts connections for a server at `HOST:PORT`, or at `unix:PATH`. The listener is our own, because the one of
 * grpc-js has no option for the backlog.
 * @throws {Error} that names the address, if it is in use or invalid.
 */
export async function listenGrpc(
  server: Server,
  text: string,
  credentials: ServerCredentials,
): Promise<GrpcListener> {
  const injector = server.createConnectionInjector(credentials);
  const listener = await listenAt(text, (socket) => injector.injectConnection(socket));
  return { ...listener, destroy: () => injector.drain(0) };
}

/**
 * Destroys sockets whose clients have reset the connection. Node.js notices that at the next read, so a paused socket
 * does not: what the client had sent would be read and served. Only for TCP: the sockets of a path have no address.
 */
export function skipReset(accept: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    // The kernel forgets the address at a reset.
    if (socket.remoteAddress === undefined) socket.destroy();
    else accept(socket);
  };
}

/**
 * Accepts connections at `HOST:PORT`, or at `unix:PATH`; port 0 is replaced by the actual one. A host name
 * stands for all of its addresses. `pauseOnConnect`: nothing is read from a socket before `accept` resumes it.
 * @throws {Error} that names the address, if it is in use or invalid.
 */
export async function listenAt(
  text: string,
  accept: (socket: Socket) => void,
  { pauseOnConnect = false }: { readonly pauseOnConnect?: boolean } = {},
): Promise<SocketListener> {
  const address = parseListenAddress(text);
  const listeners: NetServer[] = [];
  const isPausedTcp = pauseOnConnect && address.kind !== 'unix';
  const take = paceConnections(isPausedTcp ? skipReset(accept) : accept);

  async function listen(options: ListenOptions): Promise<number> {
    const listener = createServer({ pauseOnConnect }, take);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ ...options, backlog }, resolve);
    });
    // An error of one connection, such as too many open files, does not end the listener.
    listener.on('error', () => undefined);
    listeners.push(listener);
    const bound = listener.address();
    return typeof bound === 'object' && bound !== null ? bound.port : 0;
  }

  async function listenAtAll(host: string, port: number): Promise<number> {
    const problems: unknown[] = [];
    for (const { address: ip } of await lookup(host, { all: true })) {
      try {
        port = await listen({ host: ip, port });
      } catch (error) {
        problems.push(error);
        if (!unusable.has((error as NodeJS.ErrnoException).code)) throw error;
      }
    }
    if (listeners.length === 0) throw problems[0];
    return port;
  }

  function stop(): void {
    for (const listener of listeners) listener.close();
  }

  try {
    if (address.kind === 'unix') {
      await removeStaleSocket(address.path);
      await listen({ path: address.path });
    }
    const actual =
      address.kind === 'unix' ? address : { ...address, port: await listenAtAll(address.host, address.port) };
    return { address: formatListenAddress(actual), stop };
  } catch (error) {
    stop();
    const reason = reasonOf(error);
    throw new Error(`cannot listen on ${text}: ${reason}`, { cause: error });
  }
}
