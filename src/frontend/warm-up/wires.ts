import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** The client's end of a connection of the warm-up. What the server sends is discarded. */
export interface Wire {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** Connects clients to a server of the warm-up. */
export interface Wires extends Disposable {
  connect(): Promise<Wire>;
}

/** Returns connections in memory, whose server side is passed to `accept`. */
export function wiresInMemory(accept: (socket: Socket) => void): Wires {
  return {
    connect() {
      const wire = new MemoryWire();
      // It has the members of a socket that the transport uses.
      accept(wire as unknown as Socket);
      return Promise.resolve(wire);
    },
    [Symbol.dispose]: () => undefined,
  };
}

class MemoryWire extends Duplex implements Wire {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly bytesWritten = 0;

  constructor() {
    super({ allowHalfOpen: false });
  }

  send(bytes: Uint8Array): void {
    this.push(bytes);
  }

  close(): void {
    this.push(null);
  }

  setNoDelay(): this {
    return this;
  }

  override _read(): void {
    // The client pushes.
  }

  override _write(_bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

/** The time for a connection over the loopback interface, in ms. */
const connectMs = 1000;

/**
 * Returns connections over a free port of the loopback interface. Another client of that port is not served: it ends
 * the warm-up.
 */
export async function wiresOverLoopback(accept: (socket: Socket) => void): Promise<Wires> {
  let arrived: (socket: Socket) => void = (socket) => void socket.destroy();
  // Accepts sockets paused, as the own transport does: V8 uses a different layout for sockets that were accepted
  // unpaused.
  const listener = createServer({ pauseOnConnect: true }, (socket) => {
    // It may break before the server handles its errors.
    socket.on('error', () => undefined);
    arrived(socket);
  });
  // Exclusive: otherwise `cluster` would give all workers that warm up the same port, and connections in turns.
  listener.listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(listener, 'listening');
  // An error of one connection must not end the server.
  listener.on('error', () => undefined);
  const { port } = listener.address() as AddressInfo;
  return {
    async connect() {
      const { promise, resolve, reject } = Promise.withResolvers<Socket>();
      arrived = resolve;
      // Without noDelay, the kernel may hold back streams that a client opens right after an ACK until the client
      // closes.
      const client = connect({ port, host: '127.0.0.1', timeout: connectMs, noDelay: true });
      client.on('error', reject);
      client.on('timeout', () => client.destroy(new Error('no connection to the loopback interface')));
      const [socket] = await Promise.all([promise, once(client, 'connect')]);
      arrived = (stranger) => void stranger.destroy();
      if (socket.remotePort !== client.localPort) {
        socket.destroy();
        client.destroy();
        throw new Error('another client connected to the port of the warm-up');
      }
      client.setTimeout(0);
      client.resume();
      accept(socket);
      return {
        send: (bytes) => void client.write(bytes),
        close: () => void client.destroy(),
      };
    },
    [Symbol.dispose]: () => void listener.close(),
  };
}
