import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** How long a client may keep its side open after the server ended the connection, in milliseconds. */
const lingerMs = 10_000;

/** Reports clients of a bound server whose TLS handshake fails. grpc-js 1.14 drops them silently. */
export function watchHandshakes(server: Server, failed: (failure: HandshakeFailure) => void): void {
  for (const listener of listenersOf(server)) {
    if (!(listener instanceof TlsServer)) continue;
    listener.on('tlsClientError', (error: Error, socket: TLSSocket) =>
      failed(handshakeFailureOf(error, socket)),
    );
  }
}

/**
 * Closes connections that the server has ended and the client keeps open. Otherwise a silent client would keep its
 * connection for good, for example a proxy behind a relay: once the connection has reached its maximum age, neither
 * the keepalive nor the grace time watches it.
 */
export function endHalfClosed(server: Server, afterMs = lingerMs): void {
  for (const listener of listenersOf(server)) {
    // Plain connections emit the first event, TLS connections only the second: the socket below TLS never finishes by
    // itself.
    for (const event of ['connection', 'secureConnection'] as const)
      listener.on(event, (socket) => endOnceHalfClosed(socket, afterMs));
  }
}

interface Listener {
  on(event: 'connection' | 'secureConnection', listener: (socket: Socket) => void): unknown;
}

/**
 * Returns the listeners of a bound server. Those of grpc-js 1.14 are not part of its public interface: if they differ
 * from the known ones, there are none.
 */
function listenersOf(server: Server): Iterable<Listener> {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  return listeners instanceof Map ? (listeners as Map<Listener, unknown>).keys() : [];
}

function endOnceHalfClosed(socket: Socket, afterMs: number): void {
  socket.once('finish', () => {
    const timer = setTimeout(() => socket.destroy(), timerMs(afterMs));
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  });
}
