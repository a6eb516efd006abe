import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A way to a server that can stop carrying, as when the other end's machine is gone: no end, no reset. */
export interface Relay extends AsyncDisposable {
  /** Where to connect instead. */
  readonly address: string;
  /** From now on nothing is read or written any more, in either direction. */
  freeze(): void;
  /** Goes on. */
  thaw(): void;
  /** Resolves when the server has closed the connection that came first. */
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
