import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range of ephemeral ports (from 32,768 on Linux): the system could use an ephemeral port for an outgoing
 * connection before the program listens on it.
 */
const range = [10_240, 32_768] as const;

/** Returns a TCP port of 127.0.0.1 that was free just now, for programs that need a fixed port. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(...range);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no free port in 100 attempts');
}
