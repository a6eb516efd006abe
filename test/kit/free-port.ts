import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range of ephemeral ports (from 32,768 on Linux): the system could use an ephemeral port for an outgoing
 * connection before the program listens on it.
 */
const first = 10_240;
const slices = 256;
const portsInSlice = 88;

let next = randomInt(portsInSlice);

/** Returns the first port of those that a process takes. Two files of tests run at the same time, each in a process. */
export function firstPortOf(pid: number): number {
  return first + (pid % slices) * portsInSlice;
}

/**
 * Returns a TCP port of 127.0.0.1 that was free just now, for programs that need a fixed port. The program listens a
 * second later or more, so until then no other caller should get the same one: each process has ports of its own, and
 * takes them in turn.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < portsInSlice; attempt++) {
    const port = firstPortOf(process.pid) + (next % portsInSlice);
    next += 1;
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
  throw new Error(`no free port in ${portsInSlice} attempts`);
}
