import type { Socket } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import { timerMs } from '../xds/timers/timers.ts';

/** How long a client may keep its side open after the server ended the connection, in milliseconds. */
const lingerMs = 10_000;

/**
 * Closes connections that the server has ended and the client has not. Without it a silent one would stay for good,
 * such as that of a proxy whose connection reached its age behind a relay that keeps its half open: neither the
 * keepalive nor the grace of the age watches it any more. The listeners of grpc-js 1.14 are not part of its public
 * interface: if they differ from the known ones, this does nothing.
 */
export function endHalfClosed(server: Server, afterMs = lingerMs): void {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map)) return;
  for (const listener of (listeners as Map<SocketSource, unknown>).keys()) {
    // Plain connections emit the first event, TLS connections only the second: the socket below TLS never finishes by
    // itself.
    for (const event of ['connection', 'secureConnection'] as const)
      listener.on(event, (socket) => endOnceHalfClosed(socket, afterMs));
  }
}

interface SocketSource {
  on(event: 'connection' | 'secureConnection', listener: (socket: Socket) => void): unknown;
}

function endOnceHalfClosed(socket: Socket, afterMs: number): void {
  socket.once('finish', () => {
    const timer = setTimeout(() => socket.destroy(), timerMs(afterMs));
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  });
}
