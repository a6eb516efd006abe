import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Connects, sends nothing, and waits until the server closes the connection.
 * @throws {Error} if the server did not close it within 15 s.
 */
export async function untilSilentIsClosed(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').resume();
  // A reset also counts.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(15_000) });
  } finally {
    socket.destroy();
  }
}
