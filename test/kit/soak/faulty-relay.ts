import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface FaultyRelayOptions {
  readonly port: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
  /** Mean lifetime of a connection, in ms. */
  readonly lifetimeMs: number;
}

/** Passes connections on to a server. Splits and delays their bytes, and cuts them after a random time. */
export interface FaultyRelay extends AsyncDisposable {
  readonly port: number;
  /** From now on, connections are passed on without faults. */
  repair(): void;
  /** Number of connections that the relay has cut. */
  readonly cuts: () => number;
}

/** Share of the parts that are delayed, and by how much at most. */
const delayed = { share: 0.1, ms: 40 } as const;
/** Source addresses, since a server has limits by address. */
const addresses = 200;

export async function startFaultyRelay({
  port,
  random,
  lifetimeMs,
}: FaultyRelayOptions): Promise<FaultyRelay> {
  const open = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let [isFaulty, cuts, count] = [true, 0, 0];

  /** Passes the bytes of one direction on, in order. */
  async function pump(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (const part of isFaulty ? cutUp(chunk, random) : [chunk]) {
        if (isFaulty && random() < delayed.share) await delay(random() * delayed.ms);
        if (to.destroyed) return;
        if (!to.write(part)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
    }
    to.end();
  }

  function cutLater(socket: Socket, other: Socket): NodeJS.Timeout {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        if (!isFaulty) return;
        cuts += 1;
        if (random() < 0.5) {
          socket.resetAndDestroy();
          other.resetAndDestroy();
        } else {
          socket.destroy();
          other.destroy();
        }
      },
      -Math.log(1 - random()) * lifetimeMs,
    );
    timers.add(timer);
    return timer;
  }

  const server = createServer((socket) => {
    count += 1;
    const localAddress = `127.0.1.${1 + (count % addresses)}`;
    const other = connect({ port, host: '127.0.0.1', localAddress });
    const timer = cutLater(socket, other);
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      open.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        open.delete(from);
        clearTimeout(timer);
        timers.delete(timer);
        to.destroy();
      });
      pump(from, to).catch(() => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    repair() {
      isFaulty = false;
      for (const timer of timers) clearTimeout(timer);
    },
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Cuts a chunk into one to four parts. */
function cutUp(chunk: Buffer, random: () => number): readonly Buffer[] {
  const parts: Buffer[] = [];
  let rest = chunk;
  while (parts.length < 3 && rest.length > 1 && random() < 0.5) {
    const length = 1 + Math.floor(random() * (rest.length - 1));
    parts.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return [...parts, rest];
}
