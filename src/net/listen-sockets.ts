import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net';
import type { ListenAddress } from './listen-address.ts';

export interface ListenSocketsOptions {
  /** True if nothing is to be read from a socket before `accept` resumes it. */
  readonly pauseOnConnect?: boolean | undefined;
  /** Called for a connection that could not be accepted, for example because the system has no memory for it. */
  readonly acceptFailed?: ((error: Error) => void) | undefined;
}

/** The listeners of an address. */
export interface SocketListeners {
  /** The port; 0 for a unix socket. */
  readonly port: number;
  /** Accepts no more connections. */
  stop(): void;
}

/**
 * Number of connections that may wait to be accepted, up to the kernel's limit (`net.core.somaxconn`). Node's own 511
 * overflow when all proxies reconnect at once, and each proxy without a place tries again after 1, 3, 7 seconds.
 */
const backlog = 4096;

/** Errors that make one of several addresses of a host name useless, such as `::1` on a machine without IPv6. */
const unusable: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** Number of ports that are tried for a host name with port 0. */
const mostPorts = 10;

/**
 * Accepts connections at an address. A host name stands for all of its addresses, as in grpc-js: clients of `localhost`
 * connect to `127.0.0.1` or to `::1`. With port 0, all have the port that the first one gets; if another program has
 * this port at a later address, another port is tried.
 * @throws {Error} if an address is in use, or none can be used.
 */
export async function listenSockets(
  address: ListenAddress,
  accept: (socket: Socket) => void,
  { pauseOnConnect = false, acceptFailed }: ListenSocketsOptions = {},
): Promise<SocketListeners> {
  let listeners: Server[] = [];

  async function listen(options: ListenOptions): Promise<number> {
    const listener = createServer({ pauseOnConnect }, accept);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ ...options, backlog }, resolve);
    });
    // An error of one connection, such as too many open files, does not end the listener.
    listener.on('error', (error) => acceptFailed?.(error));
    listeners.push(listener);
    return 'path' in options ? 0 : (listener.address() as AddressInfo).port;
  }

  async function listenAtAll(ips: Iterable<string>, port: number): Promise<number> {
    const problems: unknown[] = [];
    for (const ip of ips) {
      try {
        port = await listen({ host: ip, port });
      } catch (error) {
        problems.push(error);
        if (!unusable.has((error as NodeJS.ErrnoException).code)) throw error;
      }
    }
    if (listeners.length === 0) throw problems[0];
    return port;
  }

  async function listenAtHost(host: string, port: number): Promise<number> {
    const ips = await addressesOf(host);
    for (let ports = 1; ; ports += 1) {
      try {
        return await listenAtAll(ips, port);
      } catch (error) {
        const isInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (port !== 0 || !isInUse || ports === mostPorts) throw error;
        stop();
      }
    }
  }

  function stop(): void {
    for (const listener of listeners) listener.close();
    listeners = [];
  }

  try {
    const port =
      address.kind === 'unix'
        ? await listen({ path: address.path })
        : await listenAtHost(address.host, address.port);
    return { port, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Returns the addresses of a host. A file `hosts` may list one twice, and the second listener would find it in use. */
async function addressesOf(host: string): Promise<ReadonlySet<string>> {
  return new Set((await lookup(host, { all: true })).map(({ address }) => address));
}
