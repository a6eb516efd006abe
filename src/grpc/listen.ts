import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import type { ListenOptions, Server as NetServer, Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { formatListenAddress, parseListenAddress } from '../net/listen-address.ts';
import { removeStaleSocket } from '../net/stale-socket.ts';
import { paceConnections } from './pace-connections.ts';

/** Where sockets are accepted. */
export interface SocketListener {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** Accepts no more connections. */
  stop(): void;
}

/** Where a gRPC server is reached. */
export interface GrpcListener extends SocketListener {
  /** Closes the connections that are left. */
  destroy(): void;
}

/**
 * Connections that may wait until they are accepted, within what the kernel allows (`net.core.somaxconn`).
 * Node's own 511 overflow when all proxies come back at once, and each that finds no place tries again after
 * 1, 3, 7 seconds.
 */
const backlog = 4096;

/** What makes one of several addresses of a host name useless, such as `::1` where there is no IPv6. */
const unusable: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/**
 * Has a server accept connections at `HOST:PORT`, or at `unix:PATH`. The listener is ours, since that of grpc-js has no
 * backlog to set.
 * @throws {Error} that names the address, when it is taken or is none.
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
 * Accepts connections at `HOST:PORT`, or at `unix:PATH`; port 0 is replaced by the actual one. A host name is every
 * address that it stands for.
 * @throws {Error} that names the address, when it is taken or is none.
 */
export async function listenAt(text: string, accept: (socket: Socket) => void): Promise<SocketListener> {
  const address = parseListenAddress(text);
  const listeners: NetServer[] = [];
  const take = paceConnections(accept);

  async function listen(options: ListenOptions): Promise<number> {
    const listener = createServer(take);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ ...options, backlog }, resolve);
    });
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
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot listen on ${text}: ${reason}`, { cause: error });
  }
}
