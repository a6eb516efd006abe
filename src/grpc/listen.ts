import type { Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { formatListenAddress, parseListenAddress, removeStaleSocket } from '../net/listen-address.ts';
import { listenSockets } from '../net/listen-sockets.ts';
import type { ListenSocketsOptions } from '../net/listen-sockets.ts';
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
 * Accepts connections for a server at `HOST:PORT`, or at `unix:PATH`. The listener is our own, because the one of
 * grpc-js has no option for the backlog.
 * @throws {Error} that names the address, if it is in use or invalid.
 */
export async function listenGrpc(
  server: Server,
  text: string,
  credentials: ServerCredentials,
  acceptFailed?: ListenSocketsOptions['acceptFailed'],
): Promise<GrpcListener> {
  const injector = server.createConnectionInjector(credentials);
  const listener = await listenAt(text, (socket) => injector.injectConnection(socket), { acceptFailed });
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
 * stands for all of its addresses.
 * @throws {Error} that names the address, if it is in use or invalid.
 */
export async function listenAt(
  text: string,
  accept: (socket: Socket) => void,
  { pauseOnConnect = false, acceptFailed }: ListenSocketsOptions = {},
): Promise<SocketListener> {
  const address = parseListenAddress(text);
  const isPausedTcp = pauseOnConnect && address.kind !== 'unix';
  const take = paceConnections(isPausedTcp ? skipReset(accept) : accept);
  try {
    if (address.kind === 'unix') await removeStaleSocket(address.path);
    const listeners = await listenSockets(address, take, { pauseOnConnect, acceptFailed });
    const actual = address.kind === 'unix' ? address : { ...address, port: listeners.port };
    return { address: formatListenAddress(actual), stop: () => listeners.stop() };
  } catch (error) {
    const reason = reasonOf(error);
    throw new Error(`cannot listen on ${text}: ${reason}`, { cause: error });
  }
}
