import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { flag, frameType } from '../../src/http2/frame.ts';
import { bufferLength } from '../../src/http2/output-pool.ts';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import { createTlsAcceptor } from '../../src/transport/tls-acceptor.ts';
import { frame, postBlock, preface } from '../http2/rig.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { poison } from '../kit/poison.ts';
import { randomNumbers } from '../kit/seed.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

const ca = makeCa();
const { certPem, keyPem } = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
const letters = Array.from('abcdefghijkl');
const rounds = 60;

/** Sends each message back, and a long one for each tenth. */
function chat(call: ServerDuplexStream<string, string>): void {
  let count = 0;
  call.on('data', (part: string) => {
    count += 1;
    call.write(count % 10 === 0 ? part.repeat(40) : part);
  });
  call.on('end', () => call.end());
}

interface EchoServer extends Disposable {
  readonly port: number;
  open(): ClientHttp2Session;
}

async function serve(security: 'plaintext' | 'tls'): Promise<EchoServer> {
  const server = new GrpcServer({ afterBufferUse: poison });
  server.addService({ chat: echo.chat }, { chat });
  // The request is the length of the response.
  server.addUnary('/test.Raw/Make', (request) => ({
    kind: 'response',
    bytes: Buffer.alloc(Number(request.toString()), 'x'),
  }));
  const acceptor = createTlsAcceptor({
    material: { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined },
    handshakeTimeoutMs: 10_000,
    secured: (socket) => server.attach(socket),
    failed: (_, socket) => socket.destroy(),
  });
  const accept = (socket: Socket): void =>
    security === 'tls' ? acceptor.accept(socket) : server.attach(socket);
  const listener = createServer(accept).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const sessions: ClientHttp2Session[] = [];
  return {
    port,
    open() {
      const scheme = security === 'tls' ? 'https' : 'http';
      const session = connect(`${scheme}://localhost:${port}`, { ca: ca.certPem });
      sessions.push(session);
      return session;
    },
    [Symbol.dispose]() {
      for (const session of sessions) session.destroy();
      listener.close();
      server.forceShutdown();
    },
  };
}

/** Sends messages of one letter, in random parts, and returns the responses. Reads them late, in part of the rounds. */
async function converse(session: ClientHttp2Session, letter: string): Promise<Buffer> {
  const next = randomNumbers(letter.charCodeAt(0));
  const stream = openCall(session, echo.chat.path);
  const parts: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => void parts.push(bytes));
  const ended = once(stream, 'end');
  for (let round = 0; round < rounds; round += 1) {
    const bytes = framed(letter.repeat(1 + Math.floor(next() * 4000)));
    const middle = Math.floor(next() * bytes.length);
    stream.write(bytes.subarray(0, middle));
    if (next() < 0.3) stream.pause();
    await new Promise((resolve) => setImmediate(resolve));
    stream.write(bytes.subarray(middle));
    if (next() < 0.5) stream.resume();
  }
  stream.resume();
  stream.end();
  await ended;
  return Buffer.concat(parts);
}

/** Checks that a body is messages of that letter. */
function checkMessages(body: Buffer, letter: string): void {
  let count = 0;
  for (let at = 0; at < body.length; count += 1) {
    const length = body.readUInt32BE(at + 1);
    const message = body.subarray(at + 5, at + 5 + length);
    assert.ok(message.equals(Buffer.alloc(length, letter)), `message ${count} of ${letter} has other bytes`);
    at += 5 + length;
  }
  assert.equal(count, rounds);
}

/** A call that is responded to with that many bytes. */
function makeCall(id: number, length: number): Buffer {
  const fields = [['content-type', 'application/grpc']] as const;
  return Buffer.concat([
    frame(frameType.headers, flag.endHeaders, id, postBlock('/test.Raw/Make', fields)),
    frame(frameType.data, flag.endStream, id, framed(String(length))),
  ]);
}

/** The bytes of a response: DATA frames of 16 KiB, and header blocks that refer to the client's table. */
const responseLength = (length: number): number => 21 + length + 5 + 9 * Math.ceil((length + 5) / 16_384);

/** Returns the next bytes of a socket, at least that many. */
async function readBytes(socket: TLSSocket, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let left = length; left > 0;) {
    const part = socket.read() as Buffer | null;
    if (part === null) await once(socket, 'readable');
    else {
      parts.push(part);
      left -= part.length;
    }
  }
  return Buffer.concat(parts);
}

suite('buffers that connections share, overwritten after each use', () => {
  for (const difference of [-1, 0, 1])
    test(`TLS, output of ${bufferLength + difference} bytes that waits: arrives unchanged`, async () => {
      using server = await serve('tls');
      const options = { port: server.port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem };
      const client = connectTls({ ...options, ALPNProtocols: ['h2'] });
      await once(client, 'secureConnect');
      const largeWindow = Buffer.of(0, 4, 0x7f, 0xff, 0xff, 0xff);
      client.write(
        Buffer.concat([
          preface.subarray(0, 24),
          frame(frameType.settings, 0, 0, largeWindow),
          frame(frameType.windowUpdate, 0, 0, Buffer.of(0x7f, 0, 0, 0)),
        ]),
      );
      // Its header blocks fill the client's table.
      client.write(makeCall(1, 10_000));
      await readBytes(client, responseLength(10_000));
      // One TLS record has a call. Its response is being written when the next record is read, whose responses wait.
      const first = makeCall(3, 20_000);
      const fill = frame(77, 0, 0, Buffer.alloc(16_384 - first.length - 9));
      const lengths = [26_170, 26_170, 26_170, 26_170, 26_172 + difference];
      const waiting = lengths.reduce((sum, length) => sum + responseLength(length), 0);
      assert.equal(waiting, bufferLength + difference);
      client.write(
        Buffer.concat([first, fill, ...lengths.map((length, index) => makeCall(5 + 2 * index, length))]),
      );
      const received = await readBytes(client, responseLength(20_000) + waiting);
      client.destroy();
      assert.equal(received.indexOf(0xee), -1, 'overwritten bytes arrived');
    });

  for (const security of ['plaintext', 'tls'] as const)
    test(`clients that send and read at random, ${security}: each gets its own bytes only`, async () => {
      using server = await serve(security);
      const bodies = await Promise.all(letters.map((letter) => converse(server.open(), letter)));
      for (const [index, letter] of letters.entries())
        checkMessages(bodies[index] ?? Buffer.alloc(0), letter);
    });

  test('handler that keeps the bytes of a message: finds them overwritten', async () => {
    using rig = await startRig({});
    const kept = Promise.withResolvers<Buffer>();
    const nothing = (): void => undefined;
    rig.server.addStream('/test.Raw/Stream', (call) =>
      call.handleWith({ message: kept.resolve, halfClosed: nothing, aborted: nothing }),
    );
    openCall(rig.session(), '/test.Raw/Stream').write(framed('hello'));
    assert.equal((await kept.promise).toString('hex'), 'ee'.repeat(5));
  });
});
