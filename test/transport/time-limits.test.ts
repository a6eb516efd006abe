import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { defaultTimes } from '../../src/transport/connection-times.ts';
import type { ConnectionTimes } from '../../src/transport/connection-times.ts';
import type { GrpcCall } from '../../src/transport/grpc-call.ts';
import type { GrpcConnection } from '../../src/transport/grpc-connection.ts';
import type { GrpcServer } from '../../src/transport/grpc-server.ts';
import { echo, framed, openCall, startRig } from './rig.ts';
import type { Rig } from './rig.ts';

const { lingerMs, messageMs, stallMs } = defaultTimes;
const largeResponse = 'x'.repeat(1_000_000);

const handlers = {
  unary: (call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) =>
    respond(null, call.request === 'large' ? largeResponse : 'small'),
  chat(call: ServerDuplexStream<string, string>) {
    call.on('data', (message: string) => call.write(message === 'large' ? largeResponse : message));
    call.on('end', () => call.end());
  },
};

interface Idle extends Disposable {
  readonly rig: Rig;
  readonly session: ClientHttp2Session;
  /** The connection in the server. */
  readonly connection: GrpcConnection;
  /** Number of times that the server has read how much its socket has not sent. */
  readonly looks: () => number;
}

/** Connects a client whose connection has been checked and has nothing with a time limit. The test makes all checks. */
async function connectIdle(
  times: Partial<ConnectionTimes> = {},
  prepare: (socket: Socket) => void = () => undefined,
  extend: (server: GrpcServer) => void = () => undefined,
): Promise<Idle> {
  let looks = 0;
  // The server itself checks once a second at most: by then, the test is over.
  const rig = await startRig(handlers, { times }, (socket) => {
    Object.defineProperty(socket, 'writableLength', {
      get: () => {
        looks += 1;
        return Reflect.get(Object.getPrototypeOf(socket) as object, 'writableLength', socket) as number;
      },
    });
    prepare(socket);
  });
  extend(rig.server);
  const { promise, resolve } = Promise.withResolvers<GrpcConnection>();
  rig.server.guardWith({
    enter(connection, call) {
      resolve(connection);
      call.serve();
    },
    failed: () => undefined,
  });
  const session = rig.session();
  await answered(session);
  const connection = await promise;
  connection.sweep(performance.now());
  return { rig, session, connection, looks: () => looks, [Symbol.dispose]: () => rig[Symbol.dispose]() };
}

/** Makes a short call, and waits for its end. */
async function answered(session: ClientHttp2Session): Promise<void> {
  const call = openCall(session, echo.unary.path);
  call.end(framed('x'));
  call.resume();
  await once(call, 'close');
}

/** Resolves with the status of a call. */
async function statusOf(call: ClientHttp2Stream): Promise<unknown> {
  const [headers] = (await once(call, 'response')) as [Record<string, string>];
  return headers['grpc-status'];
}

suite('checks of a connection on which nothing had a time limit', () => {
  test('nothing since then: its socket is not looked at', async () => {
    using idle = await connectIdle();
    const before = idle.looks();
    for (let checks = 0; checks < 10; checks += 1) idle.connection.sweep(performance.now() + checks * 1_000);
    assert.equal(idle.looks(), before);
    await answered(idle.session);
    const answeredAt = idle.looks();
    idle.connection.sweep(performance.now());
    assert.ok(idle.looks() > answeredAt, 'a call has time limits');
  });

  test('message that does not arrive: DEADLINE_EXCEEDED', async () => {
    using idle = await connectIdle();
    const call = openCall(idle.session, echo.chat.path);
    call.write(framed('hello'));
    await once(call, 'data');
    const incomplete = openCall(idle.session, echo.chat.path);
    incomplete.write(framed('hello').subarray(0, 6));
    await answered(idle.session);
    idle.connection.sweep(performance.now() + messageMs + 1);
    assert.equal(await statusOf(incomplete), '4');
    call.close();
  });

  test('response that waits for the window: the stream is reset', async () => {
    using idle = await connectIdle();
    const call = openCall(idle.session, echo.unary.path);
    call.pause();
    call.end(framed('large'));
    await once(call, 'response');
    await answered(idle.session);
    const now = performance.now();
    idle.connection.sweep(now);
    idle.connection.sweep(now + stallMs + 1);
    call.resume();
    // Not `once`, which rejects at the error that the reset causes.
    await new Promise((resolve) => call.once('close', resolve));
    assert.equal(call.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test('status behind a response that waits for the window, of a call without time limits: the stream is reset', async () => {
    const calls: GrpcCall[] = [];
    using idle = await connectIdle({}, undefined, (server) =>
      server.addStream('/test.Bytes/Chat', (call) => void calls.push(call)),
    );
    const stream = openCall(idle.session, '/test.Bytes/Chat');
    stream.write(framed('x'));
    await answered(idle.session);
    idle.connection.sweep(performance.now());
    const [call] = calls;
    call?.send({ framed: framed(largeResponse) });
    call?.end({ code: 0, message: '' });
    const now = performance.now();
    idle.connection.sweep(now);
    idle.connection.sweep(now + stallMs + 1);
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    assert.equal(stream.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test('output that the kernel does not take: the connection is closed', async () => {
    const held = Promise.withResolvers<void>();
    let accepts = true;
    using idle = await connectIdle({}, (socket) => {
      const write = socket._write.bind(socket);
      socket._write = (chunk, encoding, callback) => {
        if (accepts) write(chunk, encoding, callback);
        else held.resolve();
      };
    });
    accepts = false;
    // A PING is answered without a call, which would have a time limit itself.
    idle.session.ping(() => undefined);
    await held.promise;
    const now = performance.now();
    idle.connection.sweep(now);
    idle.connection.sweep(now + 2 * stallMs + 1);
    assert.equal(idle.connection.isGone, true);
  });

  test('the connection is about to be closed: its time for that is limited', async () => {
    using idle = await connectIdle();
    idle.connection.closeForExcess();
    idle.connection.sweep(performance.now() + 2_000);
    assert.equal(idle.connection.socket.destroyed, true);
  });

  test('the client has left, and does not take its output: the socket is destroyed in time', async () => {
    using idle = await connectIdle();
    const { connection } = idle;
    const { socket } = connection;
    socket._write = () => undefined;
    connection.ping(() => undefined);
    socket.emit('end');
    const now = performance.now();
    connection.sweep(now);
    assert.equal(socket.destroyed, false);
    connection.sweep(now + lingerMs + 1);
    assert.equal(socket.destroyed, true);
  });

  interface Retired extends Idle {
    /** Makes the kernel accept the output that waits. */
    accept(): void;
  }

  /** A connection that was asked to leave, and whose last stream has ended. The kernel accepts none of its output. */
  async function connectRetired(): Promise<Retired> {
    const held = Promise.withResolvers<() => void>();
    let accepts = true;
    const idle = await connectIdle({}, (socket) => {
      const write = socket._write.bind(socket);
      socket._write = (chunk, encoding, callback) => {
        if (accepts) write(chunk, encoding, callback);
        else
          held.resolve(() => {
            accepts = true;
            write(chunk, encoding, callback);
          });
      };
    });
    const call = openCall(idle.session, echo.chat.path);
    call.write(framed('hello'));
    await once(call, 'data');
    call.resume();
    idle.connection.retire();
    for (let goAways = 0; goAways < 2; goAways += 1) await once(idle.session, 'goaway');
    accepts = false;
    call.end();
    const accept = await held.promise;
    await new Promise((resolve) => setImmediate(resolve));
    return { ...idle, accept, [Symbol.dispose]: () => idle[Symbol.dispose]() };
  }

  test('asked to leave, its client takes the last response late: the connection closes after that', async () => {
    using retired = await connectRetired();
    const { connection, session } = retired;
    const now = performance.now();
    connection.sweep(now);
    connection.sweep(now + lingerMs + 1);
    assert.equal(connection.socket.destroyed, false);
    retired.accept();
    await once(session, 'close');
    assert.equal(connection.isGone, true);
    connection.sweep(performance.now() + lingerMs + 1);
    assert.equal(connection.socket.destroyed, true);
  });

  test('asked to leave, its client never takes the last response: the connection is closed', async () => {
    using retired = await connectRetired();
    const now = performance.now();
    retired.connection.sweep(now);
    retired.connection.sweep(now + 2 * stallMs + 1);
    assert.equal(retired.connection.socket.destroyed, true);
  });

  for (const [what, age, retires] of [
    ['before', 0.8, false],
    ['after', 1.2, true],
  ] as const)
    test(`${what} its maximum age: ${retires ? 'the client is asked to leave' : 'it stays'}`, async () => {
      const maxAgeMs = 100_000;
      using idle = await connectIdle({ maxAgeMs, graceMs: maxAgeMs });
      idle.connection.sweep(performance.now() + age * maxAgeMs);
      assert.equal(idle.connection.isRetiring, retires);
    });
});
