import type { Socket } from 'node:net';

/** A turn of the event loop longer than this shows that connections are expensive to read, in milliseconds. */
const slowTurnMs = 5;
/** Number of connections that are passed on in one turn while turns are short. */
const mostInTurn = 64;

/**
 * Passes accepted connections on: many in one turn of the event loop while turns are short, and one per turn while they
 * are long. HTTP/2 reads 64 KiB of each connection in a turn, which are 2,000 streams if its client resets all
 * of them at once, and cannot be closed before they are read. Several such clients that connect again and again
 * would make each turn long, and a change takes several turns.
 */
export function paceConnections(
  handOn: (socket: Socket) => void,
  clock: () => number = () => performance.now(),
): (socket: Socket) => void {
  const queue = new Set<Socket>();
  let turn: NodeJS.Immediate | undefined;
  let turnAt = 0;

  function take(): void {
    const now = clock();
    let left = now - turnAt > slowTurnMs ? 1 : mostInTurn;
    turnAt = now;
    for (const socket of queue) {
      queue.delete(socket);
      if (socket.destroyed) continue;
      handOn(socket);
      left -= 1;
      if (left === 0) break;
    }
    turn = queue.size > 0 ? setImmediate(take) : undefined;
  }

  return (socket) => {
    // It may break before HTTP/2 or TLS handles its errors, unless it is paused.
    socket.on('error', () => undefined);
    queue.add(socket);
    if (turn !== undefined) return;
    turnAt = clock();
    turn = setImmediate(take);
  };
}
