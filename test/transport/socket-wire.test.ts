import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { connect as connectTls, createServer, TLSSocket } from 'node:tls';
import { Output } from '../../src/http2/output.ts';
import { bufferLength, OutputPool } from '../../src/http2/output-pool.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { SocketWire } from '../../src/transport/socket-wire.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import * as fc from '../kit/fast-check.ts';
import { poison } from '../kit/poison.ts';
import { randomBytes } from '../kit/seed.ts';

const mebibyte = 2 ** 20;

/** A socket whose kernel accepts `room` bytes, and more when the test says so. */
class SlowSocket extends Duplex {
  room: number;
  readonly accepted: Buffer[] = [];
  #waiting: { bytes: Buffer; done: (error?: Error) => void } | undefined;

  constructor(room: number) {
    super({ highWaterMark: 1 });
    this.room = room;
  }

  override _write(chunk: Buffer, _: unknown, done: () => void): void {
    this.#waiting = { bytes: chunk, done };
    this.accept(0);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), undefined, done);
  }

  override _read(): void {
    // Nothing to read.
  }

  accept(more: number): void {
    this.room += more;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const taken = waiting.bytes.subarray(0, this.room);
    this.room -= taken.length;
    this.accepted.push(Buffer.from(taken));
    waiting.bytes = waiting.bytes.subarray(taken.length);
    if (waiting.bytes.length > 0) return;
    this.#waiting = undefined;
    waiting.done();
  }

  /** Makes the write that waits fail, as when the client resets the connection. */
  fail(): void {
    this.#waiting?.done(new Error('the connection was reset'));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.accepted);
  }
}

/** A TLS socket whose handshake never ends: it accepts nothing. */
const stalledTls = (): TLSSocket => new TLSSocket(new SlowSocket(0), { isServer: true });

/** A TLS socket that reads the bytes of a write as late as it may: when it reports that they were written. */
function lateTls(): { readonly socket: TLSSocket; readonly accepted: Buffer[]; readonly accept: () => void } {
  const socket = stalledTls();
  const accepted: Buffer[] = [];
  const writes: { bytes: Buffer; done: (() => void) | undefined }[] = [];
  socket.write = ((bytes: Buffer, done?: () => void) => {
    writes.push({ bytes, done });
    return true;
  }) as typeof socket.write;
  return {
    socket,
    accepted,
    accept() {
      for (let next = writes.shift(); next !== undefined; next = writes.shift()) {
        accepted.push(Buffer.from(next.bytes));
        next.done?.();
      }
    },
  };
}

interface Connection {
  readonly wire: SocketWire;
  readonly output: Output;
}

function makeServer(limit: number) {
  const exceeded: unknown[] = [];
  const deferred: (() => void)[] = [];
  const pool = new OutputPool((work) => void deferred.push(work), poison, limit);
  return {
    pool,
    exceeded,
    connect: (socket: Duplex): Connection => {
      const wire = new SocketWire(socket as Socket, {
        outputWaits: () => undefined,
        outputTaken: () => output.drained(),
      });
      const owner = {
        fail: () => undefined,
        outputExceeded: () => void exceeded.push(socket),
        streamCount: 1,
      };
      const output = new Output(pool, wire, owner);
      wire.countFor(output);
      return { wire, output };
    },
    tick: (): void => {
      while (deferred.length > 0) for (const work of deferred.splice(0)) work();
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('output that the kernel does not accept', () => {
  test('push of 128 KB to 9,000 connections at once: its data counts once, and no connection is closed', () => {
    const { pool, connect, exceeded, tick } = makeServer(256 * mebibyte);
    const data = new SharedData([Buffer.alloc(131_072)]);
    for (let count = 0; count < 9_000; count += 1) connect(new SlowSocket(30_000)).output.sendData(data, 1);
    tick();
    assert.ok(pool.budget.used < 4 * mebibyte, `${pool.budget.used} bytes`);
    assert.deepEqual(exceeded, []);
  });

  test('the same with TLS, which encrypts a copy for each connection: no connection is closed', () => {
    const connections = 90;
    const limit = (256 * mebibyte * connections) / 9_000;
    const { pool, connect, exceeded, tick } = makeServer(limit);
    const data = new SharedData([Buffer.alloc(131_072)]);
    for (let count = 0; count < connections; count += 1) connect(stalledTls()).output.sendData(data, 1);
    tick();
    assert.ok(pool.budget.used < limit, `${pool.budget.used} of ${limit} bytes`);
    assert.deepEqual(exceeded, []);
  });

  test('connections that take nothing: the one with the most output is closed, a slow reader is not', () => {
    const { pool, connect, exceeded, tick } = makeServer(3 * mebibyte);
    const [slow, greedy, third] = [new SlowSocket(0), new SlowSocket(0), new SlowSocket(0)];
    connect(slow).output.sendData(new SharedData([Buffer.alloc(mebibyte)]), 1);
    for (const [socket, bytes] of [
      [greedy, 1.4 * mebibyte],
      [third, 0.9 * mebibyte],
    ] as const)
      connect(socket).output.sendData(new SharedData([Buffer.alloc(bytes)]), 1);
    tick();
    assert.deepEqual(exceeded, [greedy]);
    assert.ok(pool.budget.used < 2 * mebibyte);
  });

  test('many short writes: each counts with its memory', () => {
    const { pool, connect, tick } = makeServer(256 * mebibyte);
    const { wire } = connect(new SlowSocket(0));
    // Each is a part of a buffer that is larger.
    for (let count = 0; count < 1_000; count += 1) wire.write(Buffer.from(`number ${count}`));
    tick();
    assert.ok(wire.heldBytes > 256_000);
    assert.ok(pool.budget.used > 256_000 && pool.budget.used < 500_000, `${pool.budget.used} bytes`);
  });

  for (const room of [0, 300_000, 9_000_000])
    test(`long writes, of which the kernel accepts ${room} bytes at once: arrive in order, and nothing is held at the end`, async () => {
      const { pool, connect } = makeServer(256 * mebibyte);
      const socket = new SlowSocket(room);
      const { wire } = connect(socket);
      const parts = [262_144, 262_145, 1, 3_000_000, 600_000].map((length) => randomBytes(length));
      for (const [index, bytes] of parts.entries())
        wire.write(bytes, index % 2 === 0 ? undefined : new SharedData([bytes]));
      const total = parts.reduce((sum, { length }) => sum + length, 0);
      while (wire.unsent > 0) {
        const left = total - socket.bytes.length;
        assert.ok(wire.unsent - left < 262_144, `${wire.unsent} bytes count as waiting, and ${left} wait`);
        socket.accept(100_000);
        await turn();
      }
      await turn();
      assert.ok(socket.bytes.equals(Buffer.concat(parts)));
      assert.equal(pool.budget.used, 0);
    });

  test('connection that ends: its socket ends after all writes', async () => {
    const { connect, tick } = makeServer(256 * mebibyte);
    const socket = new SlowSocket(1);
    const { wire, output } = connect(socket);
    wire.write(Buffer.from('ab'));
    wire.write(Buffer.from('cd'));
    output.finish();
    tick();
    assert.equal(socket.writableEnded, false);
    socket.accept(100);
    await turn();
    socket.accept(0);
    await turn();
    assert.equal(socket.writableEnded, true);
    assert.equal(socket.bytes.toString(), 'abcd');
  });

  for (const [what, texts] of [
    ['write', ['ab']],
    ['first of two writes', ['ab', 'cd']],
  ] as const)
    test(`${what} that fails later: no output counts as sent`, async () => {
      const { connect, tick } = makeServer(256 * mebibyte);
      const socket = new SlowSocket(1);
      socket.on('error', () => undefined);
      const { wire, output } = connect(socket);
      let sent = 0;
      for (const text of texts) {
        wire.write(Buffer.from(text));
        output.whenSent({ sent: () => (sent += 1) });
      }
      tick();
      await turn();
      socket.fail();
      await turn();
      assert.deepEqual([socket.destroyed, sent], [true, 0]);
    });

  for (const isTight of [false, true])
    test(`TLS, ${isTight ? 'while much output of others waits' : 'at first'}: long writes arrive in order`, async () => {
      const { pool, connect, tick } = makeServer(20 * mebibyte);
      pool.budget.open({ outputExceeded: () => undefined }).holdBytes(isTight ? 15 * mebibyte : 0);
      const ca = makeCa();
      const { certPem, keyPem } = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
      const server = createServer({ cert: certPem, key: keyPem }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem });
      const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
      const { wire, output } = connect(socket);
      const held = pool.budget.used;
      const parts = Array.from({ length: 12 }, (_, index) => randomBytes(1 + index ** 2 * 4_000));
      for (const [index, bytes] of parts.entries())
        wire.write(bytes, index % 2 === 0 ? new SharedData([bytes]) : undefined);
      output.finish();
      tick();
      assert.ok((await buffer(client)).equals(Buffer.concat(parts)));
      assert.equal(pool.budget.used, held);
      server.close();
    });

  test('TLS, several writes that wait: the output counts as sent once all are accepted', async () => {
    const { connect } = makeServer(20 * mebibyte);
    const socket = stalledTls();
    const { wire, output } = connect(socket);
    const order: string[] = [];
    output.whenSent({ sent: () => order.push('sent') });
    const write = socket.write.bind(socket);
    const callbacks: (() => void)[] = [];
    socket.write = ((bytes: Buffer, done?: () => void) => {
      order.push(`write ${bytes.length}`);
      if (done !== undefined) callbacks.push(done);
      return true;
    }) as typeof write;
    for (const length of [3, 4, 5]) wire.write(Buffer.alloc(length));
    while (callbacks.length > 0) callbacks.shift()?.();
    output.drained();
    assert.deepEqual(order, ['write 3', 'write 4', 'write 5', 'sent']);
    assert.equal(wire.unsent, 0);
    socket.destroy();
    await turn();
  });

  test('writes of any length, accepted at any time: arrive in order, and nothing is held at the end', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), length: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ kind: fc.constant('share' as const), length: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ kind: fc.constant('accept' as const), length: fc.integer({ min: 1, max: 9_000 }) }),
      fc.record({ kind: fc.constant('wait' as const), length: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isTight) => {
        const { pool, connect, tick, exceeded } = makeServer(20_000_000);
        const socket = new SlowSocket(500);
        const { wire, output } = connect(socket);
        const others = isTight ? 15_000_000 : 0;
        pool.budget.open({ outputExceeded: () => undefined }).holdBytes(others);
        assert.equal(pool.budget.isTight, isTight);
        const expected: Buffer[] = [];
        let sent = 0;
        output.whenSent({ sent: () => (sent += 1) });
        for (const [index, { kind, length }] of steps.entries()) {
          if (kind === 'accept') socket.accept(length);
          else if (kind === 'wait') await turn();
          else {
            const bytes = Buffer.alloc(length, index);
            expected.push(bytes);
            wire.write(bytes, kind === 'share' ? new SharedData([bytes]) : undefined);
          }
        }
        while (wire.unsent > 0) {
          socket.accept(100_000);
          await turn();
        }
        await turn();
        tick();
        assert.ok(socket.bytes.equals(Buffer.concat(expected)));
        assert.equal(pool.budget.used, others);
        assert.equal(sent, 1);
        assert.deepEqual(exceeded, []);
      }),
      { numRuns: 300 },
    );
  });
});

suite('shared output buffer, overwritten after each use', () => {
  const limit = 20 * mebibyte;
  const first = Buffer.from('first');
  const states = {
    'no output waits': { waits: false, others: 0 },
    'other output waits': { waits: true, others: 0 },
    'no output waits, but much of other connections': { waits: false, others: 15 * mebibyte },
    'other output waits, and much of other connections': { waits: true, others: 15 * mebibyte },
  };

  /** Sends output of that length in one section, as a read does that causes many short responses. */
  function fill(output: Output, length: number, byte: string): void {
    output.begin();
    for (let left = length; left > 0; left -= 32_768) output.send(Buffer.alloc(Math.min(left, 32_768), byte));
    output.end();
  }

  for (const [state, { waits, others }] of Object.entries(states))
    for (const length of [1, bufferLength - 1, bufferLength, bufferLength + 1, 2 * bufferLength]) {
      const expected = Buffer.concat([waits ? first : Buffer.alloc(0), Buffer.alloc(length, 'a')]);

      for (const room of [0, length - 1])
        test(`${length} bytes, the kernel accepts ${room} at once, ${state}: arrive unchanged`, async () => {
          const { pool, connect } = makeServer(limit);
          pool.budget.open({ outputExceeded: () => undefined }).holdBytes(others);
          const socket = new SlowSocket(waits ? 0 : room);
          const { wire, output } = connect(socket);
          if (waits) wire.write(first);
          fill(output, length, 'a');
          fill(connect(new SlowSocket(2 * bufferLength)).output, 2 * bufferLength, 'b');
          while (wire.unsent > 0) {
            socket.accept(length + first.length);
            await turn();
          }
          assert.ok(socket.bytes.equals(expected), `begins with ${socket.bytes.toString('hex', 0, 8)}`);
        });

      test(`${length} bytes, TLS, ${state}: arrive unchanged`, () => {
        const { pool, connect } = makeServer(limit);
        pool.budget.open({ outputExceeded: () => undefined }).holdBytes(others);
        const { socket, accepted, accept } = lateTls();
        const { wire, output } = connect(socket);
        if (waits) wire.write(first);
        fill(output, length, 'a');
        fill(connect(new SlowSocket(2 * bufferLength)).output, 2 * bufferLength, 'b');
        accept();
        socket.destroy();
        const bytes = Buffer.concat(accepted);
        assert.ok(bytes.equals(expected), `begins with ${bytes.toString('hex', 0, 8)}`);
      });
    }
});
