import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { flag, frameType } from '../../../src/http2/frame.ts';
import { SharedFields } from '../../../src/http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../../../src/http2/limits.ts';
import { OutputPool } from '../../../src/http2/output-pool.ts';
import { defaultTimes } from '../../../src/transport/connection-times.ts';
import { GrpcCall } from '../../../src/transport/grpc-call.ts';
import { GrpcConnection } from '../../../src/transport/grpc-connection.ts';
import type { ConnectionParts } from '../../../src/transport/grpc-connection.ts';
import { MessageBuffers } from '../../../src/transport/message-buffers.ts';
import { frameMessage } from '../../../src/transport/message-frames.ts';
import { createBudget } from '../../../src/transport/message-reader.ts';
import * as fc from '../../kit/fast-check.ts';
import { poison } from '../../kit/poison.ts';
import { frame, postBlock, preface } from '../../http2/rig.ts';
import { framed } from '../rig.ts';

/** A socket whose kernel accepts as many bytes as the test allows. */
class SlowSocket extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 1;
  bytesWritten = 0;
  #room = 0;
  #left = 0;
  #done: (() => void) | undefined;

  setNoDelay(): void {
    // Nothing to do.
  }

  override _read(): void {
    // The test pushes what the client sends.
  }

  override _write(chunk: Buffer, _: unknown, done: () => void): void {
    this.#left = chunk.length;
    this.#done = done;
    this.accept(0);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), undefined, done);
  }

  accept(bytes: number): void {
    this.#room += bytes;
    const done = this.#done;
    if (done === undefined) return;
    const taken = Math.min(this.#left, this.#room);
    this.#room -= taken;
    this.#left -= taken;
    this.bytesWritten += taken;
    if (this.#left > 0) return;
    this.#done = undefined;
    done();
  }
}

interface Client {
  readonly socket: SlowSocket;
  readonly connection: GrpcConnection;
  lastId: number;
  hasLeft: boolean;
}

interface Followed {
  readonly call: GrpcCall;
  gone: number;
  aborted: number;
}

/** Connections of a server, whose handlers respond to some messages and end some calls. */
function makeServer(outputBytes: number) {
  const messageBytes = 300_000;
  const all = createBudget(messageBytes);
  const pool = new OutputPool((work) => process.nextTick(work), poison, outputBytes);
  const responses = [1, 1_000, 20_000, 40_000, 300_000].map((length) => frameMessage(Buffer.alloc(length)));
  const calls: Followed[] = [];
  const respond = (call: GrpcCall, number: number): void => {
    const data = responses[number % responses.length];
    const sent = (): void => (number % 3 === 0 ? respond(call, number + 1) : undefined);
    if (data !== undefined) call.sendData(data, { sent });
  };
  const parts: ConnectionParts = {
    shared: { pool, fields: new SharedFields(), limits: defaultConnectionLimits, time: { now: 0 } },
    times: defaultTimes,
    maxReceiveBytes: 100_000,
    connectionBytes: 200_000,
    allBytes: all,
    buffers: new MessageBuffers(poison),
    request(connection, stream, head) {
      const followed: Followed = { call: new GrpcCall(stream, head, connection), gone: 0, aborted: 0 };
      const { call } = followed;
      calls.push(followed);
      call.whenGone({ gone: () => void (followed.gone += 1) });
      call.handleWith({
        message: (bytes) => respond(call, bytes.length),
        halfClosed: () => (stream.id % 4 === 1 ? call.end({ code: 0, message: '' }) : undefined),
        aborted: () => void (followed.aborted += 1),
      });
      return call;
    },
    serve: () => undefined,
    failed: () => undefined,
    closing: () => undefined,
  };
  return {
    pool,
    calls,
    respond,
    /** True if nothing of the memory for messages is in use. */
    isWhole: () => {
      const whole = all.take(messageBytes);
      if (whole) all.giveBack(messageBytes);
      return whole;
    },
    connect(): Client {
      const socket = new SlowSocket();
      socket.on('error', () => undefined);
      const connection = new GrpcConnection(socket as unknown as Socket, parts);
      socket.push(Buffer.from(preface));
      return { socket, connection, lastId: -1, hasLeft: false };
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes the clients take all output. */
async function drain(clients: readonly Client[]): Promise<void> {
  await turn();
  while (clients.some(({ socket }) => socket.writableLength > 0 && !socket.destroyed)) {
    for (const { socket } of clients) socket.accept(1_000_000);
    await turn();
  }
  await turn();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const open = (client: Client, n: number): Buffer => {
  client.lastId += 2;
  const block = postBlock('/test.Echo/Chat', [['content-type', 'application/grpc']]);
  return frame(
    frameType.headers,
    n % 4 === 0 ? flag.endHeaders | flag.endStream : flag.endHeaders,
    client.lastId,
    block,
  );
};

/** What a client sends, given a stream of it and a random number. */
const clientSteps = {
  open,
  message: (_: Client, n: number, id: number) =>
    frame(frameType.data, n % 2, id, framed('x'.repeat(n % 9_000))),
  part: (_: Client, n: number, id: number) =>
    frame(frameType.data, 0, id, framed('x'.repeat(20_000)).subarray(0, 1 + (n % 14_000))),
  reset: (_: Client, __: number, id: number) => frame(frameType.rstStream, 0, id, uint32(8)),
  widen: (_: Client, n: number, id: number) =>
    frame(frameType.windowUpdate, 0, n % 2 === 0 ? id : 0, uint32(n + 1)),
  settings: (_: Client, n: number) =>
    frame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(n)])),
};

const callSteps: readonly ((call: GrpcCall) => void)[] = [
  (call) => call.end({ code: 0, message: '' }),
  (call) => call.cancel({ code: 4, message: 'too late' }),
  (call) => call.abandon(),
  (call) => call.reset(),
  (call) => call.giveUp(),
];

const connectionSteps: readonly ((client: Client) => void)[] = [
  ({ connection }) => connection.retire(),
  ({ connection }) => connection.close(),
  ({ connection }) => connection.closeForExcess(),
  ({ connection }) => connection.destroy(),
  (client) => {
    client.hasLeft = true;
    client.socket.push(null);
  },
];

const step = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...(Object.keys(clientSteps) as (keyof typeof clientSteps)[])) },
    { weight: 5, arbitrary: fc.constantFrom('accept' as const, 'turn' as const, 'respond' as const) },
    { weight: 2, arbitrary: fc.constantFrom('call' as const, 'sweep' as const) },
    { weight: 1, arbitrary: fc.constant('connection' as const) },
  ),
  n: fc.integer({ min: 0, max: 500_000 }),
});

test('calls and connections that end in any way: each call ends once, and all memory is given back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(1_000_000, 50_000_000),
      async (steps, outputBytes) => {
        const server = makeServer(outputBytes);
        const clients = Array.from({ length: 3 }, () => server.connect());
        await turn();
        for (const { kind, n } of steps) {
          const client = clients[n % clients.length];
          const followed = server.calls[n % Math.max(1, server.calls.length)];
          if (client === undefined || client.socket.destroyed) continue;
          if (kind === 'turn') await turn();
          else if (kind === 'accept') client.socket.accept(n);
          else if (kind === 'respond' || kind === 'call') {
            if (followed === undefined) continue;
            if (kind === 'respond') server.respond(followed.call, n);
            else callSteps[n % callSteps.length]?.(followed.call);
          } else if (kind === 'connection') connectionSteps[n % connectionSteps.length]?.(client);
          else if (kind === 'sweep') client.connection.sweep(performance.now() + n);
          else if (!client.hasLeft && (kind === 'open' || kind === 'settings' || client.lastId > 0))
            client.socket.push(clientSteps[kind](client, n, 1 + 2 * (n % ((client.lastId + 1) / 2))));
        }
        await turn();
        for (const { call } of server.calls) {
          call.end({ code: 0, message: '' });
          if (call.unsentBytes > 0) call.giveUp();
        }
        await drain(clients);
        assert.deepEqual([server.pool.budget.used, server.isWhole()], [0, true], 'all output was taken');
        for (const { socket } of clients) socket.destroy();
        await turn();
        assert.deepEqual(
          [server.pool.budget.used, server.isWhole()],
          [0, true],
          'all connections are closed',
        );
        for (const { call, gone, aborted } of server.calls) {
          assert.deepEqual([call.isOver, call.unreadBytes, gone], [true, 0, 1]);
          assert.ok(aborted <= 1, `the handler got ${aborted} ends`);
        }
      },
    ),
    { numRuns: 300 },
  );
});
