import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the socket file that a killed process left at a path, so that another process can listen there. A socket in
 * use and any other kind of file stay: listening then fails with an error that says so.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  );
  if (isSocket && (await isRefused(path))) await unlink(path);
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
