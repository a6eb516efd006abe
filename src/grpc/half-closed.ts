import type { Socket } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import { timerMs } from '../xds/timers/timers.ts';

/** How long an end that was told that the connection is over may keep its side of it open, in ms. */
const lingerMs = 10_000;

/**
 * Lets go of connections of a listening server that it has ended, and that the other end does not. Without it
 * one that asked for nothing more, such as a proxy whose connection was retired for its age behind a relay that
 * keeps its half open, would stay for good: neither the keepalive nor the grace of the age looks at it any more.
 * The listeners of grpc-js 1.14 are none of its public interface: where they are not as they are known to be,
 * nothing is done.
 */
export function endHalfClosed(server: Server, afterMs = lingerMs): void {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map)) return;
  for (const listener of (listeners as Map<SocketSource, unknown>).keys()) {
    // Plain ones come by the first, TLS by the second alone: there the socket below never finishes by itself.
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
