import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A relay to a server that can stop forwarding, as if the client's machine vanished: without FIN or RST. */
export interface Relay extends AsyncDisposable {
  /** The address to connect to. */
  readonly address: string;
  /** Stops reading and writing, in both directions. */
  freeze(): void;
  /** Resumes forwarding. */
  thaw(): void;
  /** Resolves when the server has closed the first connection. */
  readonly closedByServer: Promise<unknown>;
}

/** Starts a relay to `address`. */
export async function startRelay(address: string): Promise<Relay> {
  const [host = '', port = ''] = address.split(':');
  const sockets: Socket[] = [];
  const closed = Promise.withResolvers<unknown>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    far.once('close', closed.resolve);
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    thaw() {
      for (const socket of sockets) socket.resume();
    },
    closedByServer: closed.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
