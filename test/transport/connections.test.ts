import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { poison } from '../kit/poison.ts';
import { poll } from '../kit/poll.ts';
import { flag, frameType } from '../../src/http2/frame.ts';
import { frame, postBlock, preface } from '../http2/rig.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

const grpcHeaders = [['content-type', 'application/grpc']] as const;

const beginning = Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0))]);
const chatRequest = Buffer.concat([
  frame(frameType.headers, flag.endHeaders, 1, postBlock(echo.chat.path, grpcHeaders)),
  frame(frameType.data, 0, 1, framed('hello')),
]);
const ping = frame(frameType.ping, 0, 0, Buffer.from('the ping'));

interface GoAway {
  readonly code: number;
  readonly lastStreamId: number;
  readonly debugData: string;
}

/** Collects the GOAWAY frames of a connection. */
function goAwaysOf(session: ClientHttp2Session): GoAway[] {
  const received: GoAway[] = [];
  session.on('goaway', (code: number, lastStreamId: number, data?: Uint8Array) => {
    received.push({ code, lastStreamId, debugData: Buffer.from(data ?? []).toString() });
  });
  return received;
}

const closed = (session: ClientHttp2Session): Promise<unknown> =>
  new Promise((resolve) => session.once('close', resolve));

const chat = (call: ServerDuplexStream<string, string>): void => {
  call.on('data', (part: string) => void call.write(part));
  call.on('end', () => call.end());
};

/** Makes each write of a socket complete in a later turn of the event loop, as TLS writes do. */
function delayWrites(socket: Socket): void {
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, callback) => {
    write(chunk, encoding, (error) => setTimeout(callback, 5, error));
  };
}

test('write on an idle connection that completes later: the callback is called', async () => {
  const written = Promise.withResolvers<void>();
  const repeat = (call: ServerWritableStream<string, string>): void => {
    setTimeout(() => call.write('x', () => written.resolve()), 20);
  };
  using rig = await startRig({ repeat }, {}, delayWrites);
  const stream = openCall(rig.session(), echo.repeat.path);
  stream.end(framed('go'));
  await written.promise;
});

test('socket that the caller passes after bytes have arrived: they are read', async () => {
  const server = new GrpcServer({ afterBufferUse: poison });
  const listener = createServer((socket) => {
    void poll('the bytes', () => socket.readableLength > 0 || undefined).then(() => server.attach(socket));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  client.write(preface);
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.equal(answer[3], frameType.settings);
  client.destroy();
  listener.close();
  server.forceShutdown();
});

suite('client that closes its side of the socket', () => {
  const request = Buffer.concat([
    preface,
    frame(frameType.settings, 0, 0, Buffer.alloc(0)),
    frame(frameType.headers, flag.endHeaders, 1, postBlock(echo.unary.path, grpcHeaders)),
    frame(frameType.data, flag.endStream, 1, framed('a')),
  ]);

  test('output that waits: is sent before the connection closes', async () => {
    const unary = (_: unknown, respond: (error: null, value: string) => void): void =>
      respond(null, 'the whole response');
    using rig = await startRig({ unary }, {}, delayWrites);
    const client = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
    client.end(request);
    const received: Buffer[] = [];
    for await (const chunk of client) received.push(chunk as Buffer);
    assert.ok(Buffer.concat(received).includes('the whole response'));
    await poll('the end of the connection', () => rig.server.connections === 0 || undefined);
  });

  for (const security of ['plaintext', 'TLS'] as const)
    test(`${security}, output of several writes that waits: all of it is sent, and no call stays open`, async () => {
      const [written, cancelled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const repeat = (call: ServerWritableStream<string, string>): void => {
        // Later than the read of the request: a server reads nothing more from a client with much output.
        setImmediate(() => {
          for (let count = 0; count < 80; count += 1) call.write('x'.repeat(200_000));
          written.resolve();
        });
        call.on('cancelled', cancelled.resolve);
      };
      const server = new GrpcServer({ afterBufferUse: poison });
      server.addService({ repeat: echo.repeat }, { repeat });
      const ca = makeCa();
      const { certPem, keyPem } = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
      const material = { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined };
      const bound = Promise.withResolvers<number>();
      server.bindAsync('127.0.0.1:0', security === 'TLS' ? material : undefined, (_, port) =>
        bound.resolve(port),
      );
      const options = { port: await bound.promise, host: '127.0.0.1', allowHalfOpen: true };
      const tlsOptions = { servername: 'localhost', ca: ca.certPem, ALPNProtocols: ['h2'] };
      const client = security === 'TLS' ? connectTls({ ...options, ...tlsOptions }) : connect(options);
      client.pause();
      client.write(
        Buffer.concat([
          preface,
          frame(frameType.settings, 0, 0, Buffer.of(0, 4, 0x7f, 0xff, 0xff, 0xff)),
          frame(frameType.windowUpdate, 0, 0, Buffer.of(0x7f, 0, 0, 0)),
          frame(frameType.headers, flag.endHeaders, 1, postBlock(echo.repeat.path, grpcHeaders)),
          frame(frameType.data, flag.endStream, 1, framed('go')),
        ]),
      );
      await written.promise;
      client.end();
      await cancelled.promise;
      let received = 0;
      client.on('data', (chunk: Buffer) => (received += chunk.length));
      client.resume();
      await once(client, 'end');
      assert.ok(received > 16_000_000, `${received} bytes`);
      await poll('the end of the connection', () => server.connections === 0 || undefined);
      server.forceShutdown();
      client.destroy();
    });

  test('no output: the socket is closed at once, and its other side is not ended before', async () => {
    const ended: string[] = [];
    using rig = await startRig({}, {}, (socket) => {
      const end = socket.end.bind(socket) as (...values: unknown[]) => Socket;
      socket.end = (...values: unknown[]) => {
        ended.push('end');
        return end(...values);
      };
      socket.on('prefinish', () => ended.push('prefinish'));
      socket.on('close', () => ended.push('close'));
    });
    const client = connect(rig.port, '127.0.0.1');
    client.write(preface);
    await once(client, 'data');
    client.end();
    await once(client, 'close');
    await poll('the end of the connection', () => rig.server.connections === 0 || undefined);
    assert.deepEqual(ended, ['close']);
  });
});

suite('connection shutdown', () => {
  test('shutdown: two GOAWAYs are sent; the connection closes when its last stream ends', async () => {
    using rig = await startRig({ chat });
    const session = rig.session();
    const received = goAwaysOf(session);
    const stream = openCall(session, echo.chat.path);
    stream.write(framed('1'));
    await once(stream, 'data');
    const empty = new Promise<void>((resolve) => rig.server.tryShutdown(resolve));
    await poll('two GOAWAYs', () => (received.length === 2 ? true : undefined), { timeoutMs: 5_000 });
    assert.deepEqual(received, [
      { code: 0, lastStreamId: 2 ** 31 - 1, debugData: '' },
      { code: 0, lastStreamId: 1, debugData: '' },
    ]);
    stream.write(framed('2'));
    const [bytes] = (await once(stream, 'data')) as [Buffer];
    assert.equal(bytes.toString('latin1', 5), '2');
    stream.end();
    stream.resume();
    await Promise.all([empty, closed(session)]);
    assert.equal(rig.server.connections, 0);
  });

  test('shutdown, and a client that answers no PING: its connection closes all the same', async () => {
    using rig = await startRig({}, { times: { warningMs: 50 } });
    const client = connect(rig.port, '127.0.0.1');
    client.write(preface);
    await once(client, 'data');
    client.resume();
    await new Promise<void>((resolve) => rig.server.tryShutdown(resolve));
    client.destroy();
  });

  test('maximum age: the client gets GOAWAY, and the connection is closed after the grace time', async () => {
    using rig = await startRig({ chat }, { times: { maxAgeMs: 50, graceMs: 50 } });
    const session = rig.session();
    const received = goAwaysOf(session);
    const stream = openCall(session, echo.chat.path);
    stream.write(framed('1'));
    stream.resume();
    await closed(session);
    assert.deepEqual(received[0], { code: 0, lastStreamId: 2 ** 31 - 1, debugData: '' });
  });

  test('messages whose prefix has a DATA frame of its own: are no flood', async () => {
    using rig = await startRig({ chat }, { limits: { controlFrames: { burst: 10, perSecond: 1 } } });
    const client = connect(rig.port, '127.0.0.1');
    const head = postBlock(echo.chat.path, grpcHeaders);
    client.write(Buffer.concat([preface, frame(frameType.headers, flag.endHeaders, 1, head)]));
    const message = framed('message');
    for (let count = 0; count < 50; count += 1) {
      client.write(frame(frameType.data, 0, 1, message.subarray(0, 5)));
      client.write(frame(frameType.data, 0, 1, message.subarray(5)));
    }
    client.write(frame(frameType.data, flag.endStream, 1));
    let received = '';
    client.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')));
    await poll('all responses', () => (received.split('message').length > 50 ? true : undefined));
    client.destroy();
  });

  test('too many PINGs: GOAWAY with ENHANCE_YOUR_CALM and too_many_pings', async () => {
    using rig = await startRig({}, { limits: { controlFrames: { burst: 50, perSecond: 1 } } });
    const session = rig.session();
    const received = goAwaysOf(session);
    await once(session, 'remoteSettings');
    const ping = (): void => {
      if (session.closed || session.destroyed) return;
      session.ping((error) => {
        if (error === null) ping();
      });
    };
    ping();
    await closed(session);
    assert.deepEqual(
      received.map(({ code, debugData }) => [code, debugData]),
      [[constants.NGHTTP2_ENHANCE_YOUR_CALM, 'too_many_pings']],
    );
  });

  test('client without a preface: is sent nothing, and closed in time', async () => {
    const keepAlive = { intervalMs: 10, timeoutMs: 10_000 };
    using rig = await startRig({}, { times: { prefaceMs: 100 }, keepAlive });
    const socket = connect(rig.port, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => void received.push(bytes));
    socket.on('error', () => undefined);
    await once(socket, 'close');
    assert.deepEqual(received, []);
  });

  for (const [what, early, late] of [
    ['preface', Buffer.alloc(0), beginning],
    ['rest of a message', Buffer.concat([beginning, chatRequest.subarray(0, -1)]), chatRequest.subarray(-1)],
  ] as const)
    test(`${what} that arrives in time, while the event loop is busy for longer: is served`, async () => {
      // Long enough for all that comes before the event loop is busy, also on a busy machine.
      const times = { prefaceMs: 1_500, messageMs: 1_500 };
      using rig = await startRig({ chat }, { times });
      // A check visits some connections only.
      const clients = Array.from({ length: 8 }, () => {
        const socket = connect(rig.port, '127.0.0.1').on('error', () => undefined);
        const received: Buffer[] = [];
        socket.on('data', (bytes: Buffer) => void received.push(bytes));
        socket.write(early);
        return { socket, text: () => Buffer.concat(received).toString('latin1') };
      });
      if (early.length > 0) await Promise.all(clients.map(({ socket }) => once(socket, 'data')));
      await poll('the connections', () => rig.server.connections === clients.length || undefined);
      // Timers come after this turn, and sockets are read after them.
      await new Promise((resolve) => setImmediate(resolve));
      for (const { socket } of clients) socket.write(late);
      const until = performance.now() + times.prefaceMs + 500;
      while (performance.now() < until);
      for (const { socket } of clients) socket.write(ping);
      const isAnswered = (text: string): boolean => text.includes('the ping');
      await poll('answers to PING', () => clients.every(({ text }) => isAnswered(text())) || undefined);
      for (const { socket, text } of clients) {
        assert.doesNotMatch(text(), /in time/);
        socket.destroy();
      }
    });

  test('message that is not complete in time: DEADLINE_EXCEEDED', async () => {
    using rig = await startRig({ chat }, { times: { messageMs: 50 } });
    const stream = openCall(rig.session(), echo.chat.path);
    stream.write(framed('hello').subarray(0, 6));
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(headers['grpc-status'], '4');
  });

  test('client that reads nothing: is closed after stallMs', async () => {
    const begun = Promise.withResolvers<void>();
    const repeat = (call: ServerWritableStream<string, string>): void => {
      begun.resolve();
      for (let count = 0; count < 40; count += 1) call.write('x'.repeat(1_000_000));
    };
    using rig = await startRig({ repeat }, { times: { stallMs: 100 } });
    const socket = connect(rig.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const largeWindow = Buffer.from([0, 4, 0x40, 0, 0, 0]);
    const message = framed('go');
    socket.write(
      Buffer.concat([
        preface,
        frame(frameType.settings, 0, 0, largeWindow),
        frame(frameType.windowUpdate, 0, 0, largeWindow.subarray(2)),
        frame(
          frameType.headers,
          flag.endHeaders,
          1,
          postBlock(echo.repeat.path, [['content-type', 'application/grpc']]),
        ),
        frame(frameType.data, flag.endStream, 1, message),
      ]),
    );
    socket.pause();
    await begun.promise;
    await poll('the connection to be closed', () => (rig.server.connections === 0 ? true : undefined));
    socket.destroy();
  });
});
