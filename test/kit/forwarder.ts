import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

/** Forwards connections to a port that can be changed, like an address that moves from one server to another. */
export interface Forwarder extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections, and forwards new ones to another port. */
  readonly moveTo: (port: number) => void;
  /** Resets all connections. To the server this looks like a failed relay. */
  readonly reset: () => void;
  /**
   * Forwards nothing more on the connections whose last request begins with a text, and keeps their clients connected,
   * like a load balancer that forgot these connections. Returns their number.
   */
  readonly silence: (request: string) => number;
}

/** Starts a forwarder on loopback. */
export async function startForwarder(first: number): Promise<Forwarder> {
  const open = new Set<Socket>();
  /** What the client of each connection sent last. */
  const requests = new Map<Socket, { readonly other: Socket; readonly sent: string }>();
  const silent = new WeakSet<Socket>();
  let target = first;
  const server = createServer((socket) => {
    const other = connect(target, '127.0.0.1');
    socket.on('data', (chunk: Buffer) => requests.set(socket, { other, sent: chunk.toString('latin1') }));
    socket.on('close', () => requests.delete(socket));
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        if (!silent.has(to)) to.destroy();
      });
    }
  });
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the forwarder has no port');
  return {
    port: address.port,
    moveTo: (port) => {
      target = port;
      drop();
    },
    reset: () => {
      for (const socket of open) socket.resetAndDestroy();
    },
    silence: (request) => {
      const chosen = [...requests].filter(([, { sent }]) => sent.startsWith(request));
      for (const [socket, { other }] of chosen) {
        silent.add(socket);
        other.destroy();
      }
      return chosen.length;
    },
    [Symbol.asyncDispose]: async () => {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
