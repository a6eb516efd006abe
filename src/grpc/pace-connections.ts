import type { Socket } from 'node:net';

/** A turn of the event loop that took longer than this is a sign that connections cost much to read, in ms. */
const slowTurnMs = 5;
/** Connections that are handed on in one turn while turns are quick. */
const mostInTurn = 64;

/**
 * Hands accepted connections on, many in one turn of the event loop while turns are quick, and one in a turn while
 * they are slow. HTTP/2 reads 64 KiB of each connection in a turn, which are 2,000 streams if its client resets all
 * of them at once, and cannot be closed before they are read. Several such clients that connect again and again
 * would make each turn long, and a change takes several turns.
 */
export function paceConnections(handOn: (socket: Socket) => void): (socket: Socket) => void {
  const queue = new Set<Socket>();
  let turn: NodeJS.Immediate | undefined;
  let turnAt = 0;

  function take(): void {
    const now = performance.now();
    let left = now - turnAt > slowTurnMs ? 1 : mostInTurn;
    turnAt = now;
    for (const socket of queue) {
      queue.delete(socket);
      if (!socket.destroyed) handOn(socket);
      left -= 1;
      if (left === 0) break;
    }
    turn = queue.size > 0 ? setImmediate(take) : undefined;
  }

  return (socket) => {
    // It may break before HTTP/2 or TLS listens.
    socket.on('error', () => undefined);
    queue.add(socket);
    if (turn !== undefined) return;
    turnAt = performance.now();
    turn = setImmediate(take);
  };
}
