import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Connects, says nothing, and waits to be let go of.
 * @throws {Error} after 15 s in which that did not happen.
 */
export async function untilSilentIsClosed(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').resume();
  // To be reset is as good.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(15_000) });
  } finally {
    socket.destroy();
  }
}
