import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { flag, frameType } from '../../src/http2/frame.ts';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import { createTlsAcceptor } from '../../src/transport/tls-acceptor.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { poll } from '../kit/poll.ts';
import { frame, postBlock, preface } from '../http2/rig.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

const largeWindow = Buffer.from([0, 4, 0x40, 0, 0, 0]);

/** The first frames of a client with large windows, which calls a method with one message. */
function callOf(path: string, flags: number = flag.endStream): Buffer {
  const block = postBlock(path, [['content-type', 'application/grpc']]);
  return Buffer.concat([
    preface,
    frame(frameType.settings, 0, 0, largeWindow),
    frame(frameType.windowUpdate, 0, 0, largeWindow.subarray(2)),
    frame(frameType.headers, flag.endHeaders, 1, block),
    frame(frameType.data, flags, 1, framed('go')),
  ]);
}

/** Makes the kernel accept nothing of what is written to a socket. */
function acceptNothing(socket: Socket): void {
  socket._write = () => undefined;
  Reflect.set(socket, '_writev', null);
}

suite('connection that breaks', () => {
  test('socket that broke before it is served: is not kept, and the server can shut down', async () => {
    const server = new GrpcServer();
    const listener = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.destroy();
      socket.once('close', () => {
        server.attach(socket);
        attached.resolve();
      });
    });
    const attached = Promise.withResolvers<void>();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => undefined);
    await attached.promise;
    assert.equal(server.connections, 0);
    await new Promise<void>((resolve) => server.tryShutdown(resolve));
    listener.close();
  });

  test('handlers that throw an error at the end of their connection: each learns of it, and the server continues', async () => {
    using rig = await startRig({
      unary: (_: unknown, respond: (error: null, text: string) => void) => respond(null, 'ok'),
    });
    let aborted = 0;
    let begun = 0;
    rig.server.addStream('/test.Bytes/Chat', (call) => {
      begun += 1;
      call.handleWith({
        message: () => undefined,
        halfClosed: () => undefined,
        aborted() {
          aborted += 1;
          throw new Error('broken');
        },
      });
    });
    const session = rig.session();
    for (let count = 0; count < 3; count += 1) openCall(session, '/test.Bytes/Chat').write(framed('x'));
    await poll('the calls', () => begun === 3 || undefined);
    const warned = once(process, 'warning');
    session.destroy();
    await poll('the end of the calls', () => aborted === 3 || undefined);
    await warned;
    await poll('the end of the connection', () => rig.server.connections === 0 || undefined);
    const healthy = openCall(rig.session(), echo.unary.path);
    healthy.end(framed('x'));
    await once(healthy, 'response');
  });

  test('guard that closes the connection of a call that it has just served: the handler learns of its end', async () => {
    const cancelled = Promise.withResolvers<void>();
    const chat = (call: ServerDuplexStream<string, string>): void =>
      void call.on('cancelled', cancelled.resolve);
    using rig = await startRig({ chat });
    rig.server.guardWith({
      enter(connection, call) {
        call.serve();
        connection.closeForExcess();
      },
      failed: () => undefined,
    });
    openCall(rig.session(), echo.chat.path);
    await cancelled.promise;
  });

  test('guard that throws an error: its connection is closed, a warning tells why, and the server continues', async () => {
    const unary = (_: unknown, respond: (error: null, text: string) => void): void => respond(null, 'ok');
    using rig = await startRig({ unary });
    const failed: string[] = [];
    rig.server.guardWith({
      enter(_, call) {
        if (call.path === echo.chat.path) throw new Error('the guard is broken');
        call.serve();
      },
      failed: (_, reason) => void failed.push(reason),
    });
    const warned = once(process, 'warning');
    const session = rig.session();
    openCall(session, echo.chat.path);
    await new Promise((resolve) => session.once('close', resolve));
    const [warning] = (await warned) as [Error];
    assert.match(warning.message, /the guard is broken/);
    assert.deepEqual(failed, ['http2-error']);
    const healthy = openCall(rig.session(), echo.unary.path);
    healthy.end(framed('x'));
    await once(healthy, 'response');
  });

  for (const [what, bytes] of [
    ['less than the limit at which reading stops', 1_000],
    ['more than it', 3_000_000],
  ] as const)
    test(`client that takes nothing, with ${what} waiting: is closed in time`, async () => {
      const repeat = (call: ServerWritableStream<string, string>): void => {
        call.write('x'.repeat(bytes));
      };
      using rig = await startRig({ repeat }, { times: { stallMs: 100 } }, acceptNothing);
      const socket = connect(rig.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(callOf(echo.repeat.path));
      await once(socket, 'close');
      await poll('its end', () => rig.server.connections === 0 || undefined);
    });

  test('client that takes its output slowly: is not closed', async () => {
    const rounds = 8;
    let written = 0;
    const repeat = (call: ServerWritableStream<string, string>): void => {
      const write = (): void => {
        written += 1;
        if (written < rounds) call.write('x', write);
        else call.end();
      };
      call.write('x', write);
    };
    /** Each write takes half of the time limit. */
    const slow = (socket: Socket): void => {
      const write = socket._write.bind(socket);
      socket._write = (chunk, encoding, callback) => {
        setTimeout(() => write(chunk, encoding, callback), 100);
      };
      Reflect.set(socket, '_writev', null);
    };
    using rig = await startRig({ repeat }, { times: { stallMs: 1_000 } }, slow);
    const stream = openCall(rig.session(), echo.repeat.path);
    stream.resume();
    stream.end(framed('go'));
    await once(stream, 'end');
    assert.equal(written, rounds);
  });

  test('client that takes a long response slowly, longer than its time limit: gets all of it', async () => {
    const length = 16_000_000;
    const repeat = (call: ServerWritableStream<string, string>): void => {
      call.write('x'.repeat(length));
      call.end();
    };
    using rig = await startRig({ repeat }, { times: { stallMs: 600 } });
    const socket = connect(rig.port, '127.0.0.1');
    socket.write(callOf(echo.repeat.path));
    let received = 0;
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      if (received > length) break;
      await sleep(10);
    }
    assert.ok(received > length, `${received} bytes`);
  });

  for (const [what, leaves] of [
    ['reads nothing for longer than the time-out of a PING', false],
    ['does so after it has closed its side', true],
  ] as const)
    test(`client that ${what}: gets all of its output after that`, async () => {
      const length = 12_000_000;
      const written = Promise.withResolvers<void>();
      const repeat = (call: ServerWritableStream<string, string>): void => {
        // Later than the read of the request: a server reads nothing more from a client with much output.
        setImmediate(() => {
          call.write('x'.repeat(length));
          setImmediate(written.resolve);
        });
      };
      const keepAlive = { intervalMs: 20, timeoutMs: 20 };
      using rig = await startRig({ repeat }, { keepAlive });
      const socket = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(callOf(echo.repeat.path));
      await written.promise;
      if (leaves) socket.end();
      // Ten times as long.
      await sleep(10 * (keepAlive.intervalMs + keepAlive.timeoutMs));
      let received = 0;
      for await (const chunk of socket) received += (chunk as Buffer).length;
      assert.ok(received > length, `${received} bytes`);
      socket.destroy();
    });

  test('client that closes its side while its output waits: is closed after lingerMs', async () => {
    const begun = Promise.withResolvers<void>();
    const chat = (call: ServerDuplexStream<string, string>): void => {
      call.on('data', () => {
        call.write('x');
        begun.resolve();
      });
    };
    using rig = await startRig({ chat }, { times: { lingerMs: 100 } }, acceptNothing);
    const socket = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(callOf(echo.chat.path, 0));
    await begun.promise;
    socket.end();
    await poll('its end', () => rig.server.connections === 0 || undefined);
    socket.destroy();
  });
});

test('TLS 1.2: a client cannot renegotiate (RFC 9113, section 9.2.1)', async () => {
  const ca = makeCa();
  const { certPem, keyPem } = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
  const acceptor = createTlsAcceptor({
    material: { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined },
    handshakeTimeoutMs: 10_000,
    secured: (socket) => void socket.resume(),
    failed: (_, socket) => socket.destroy(),
  });
  const listener = createServer((socket) => acceptor.accept(socket));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const client = connectTls({
    port: (listener.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: ca.certPem,
    ALPNProtocols: ['h2'],
    maxVersion: 'TLSv1.2',
  });
  await once(client, 'secureConnect');
  const outcome = Promise.withResolvers<string>();
  client.on('error', () => outcome.resolve('refused'));
  client.on('close', () => outcome.resolve('refused'));
  client.renegotiate({}, (error) => outcome.resolve(error === null ? 'renegotiated' : 'refused'));
  assert.equal(await outcome.promise, 'refused');
  client.destroy();
  listener.close();
});
