import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';

import { createHttpListener } from '../../src/net/http-listener.ts';
import { ask } from '../admin/http-client.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import { poll } from '../kit/poll.ts';

const limit = 8;
const ca = makeCa();
const leaf = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });
const ok: RequestListener = (_, response) => void response.end('ok');

/** The connections that `hold` opened. */
const held = new Set<Socket>();

/** Starts a server with a limit of eight connections, and returns its port. */
async function serve(
  t: TestContext,
  onRequest = ok,
  secure = false,
  maxUnreadBytes?: number,
  firstRequestMs?: number,
): Promise<number> {
  const server = secure ? createTlsServer({ cert: leaf.certPem, key: leaf.keyPem }) : createServer();
  const limits = { maxConnections: limit, maxUnreadBytes, firstRequestMs };
  const listener = createHttpListener(server, { onRequest, ...limits });
  t.after(async () => {
    // Otherwise `close` would wait for the requests in progress.
    for (const socket of held) socket.destroy();
    await listener.close();
  });
  return Number((await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })).split(':')[1]);
}

/** Opens a connection and sends the text. */
async function hold(port: number, text = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').resume();
  held.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const holders: readonly (readonly [what: string, text: string])[] = [
  ['silent', ''],
  ['idle after a response', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['in the middle of its headers', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['in the middle of a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx'],
];

suite('the HTTP listener', () => {
  test('connections that cannot be accepted, for example without a free file: are reported, and do not end the program', async (t) => {
    const server = createServer();
    const errors: string[] = [];
    const acceptFailed = ({ message }: Error): void => void errors.push(message);
    const listener = createHttpListener(server, { onRequest: ok, acceptFailed });
    await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    t.after(() => listener.close());
    for (let times = 0; times < 2; times += 1) server.emit('error', new Error('accept EMFILE'));
    assert.deepEqual(errors, ['accept EMFILE', 'accept EMFILE']);
  });

  test('a client that sends its request late, and many connections with their responses meanwhile: it gets its response', async (t) => {
    const port = await serve(t);
    const late = await hold(port);
    for (let count = 0; count < 4 * limit; count += 1) {
      const other = await hold(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(other, 'data');
    }
    const closed = once(late, 'close').then(() => 'closed');
    late.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const answered = once(late, 'data').then(([bytes]) => String(bytes).slice(0, 15));
    assert.equal(await Promise.race([answered, closed]), 'HTTP/1.1 200 OK');
  });

  for (const [what, text] of holders) {
    test(`many connections, each ${what} → a new client gets its response`, async (t) => {
      const port = await serve(t, (request, response) => {
        request.resume().on('end', () => response.end('ok'));
      });
      for (let count = 0; count < 4 * limit; count += 1) await hold(port, text);
      assert.equal((await ask(`127.0.0.1:${port}`, '/')).body, 'ok');
    });
  }

  test('many connections during their TLS handshake → a new client gets its response', async (t) => {
    const port = await serve(t, ok, true);
    for (let count = 0; count < 4 * limit; count += 1) await hold(port);
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem });
    socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  });

  test('the longest idle connection → is closed first', async (t) => {
    const port = await serve(t, ok, false, undefined, 0);
    const first = await hold(port);
    const second = await hold(port);
    for (let count = 2; count < limit; count += 1) await hold(port);
    const answered = once(first, 'data');
    first.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await answered;
    const closed = once(second, 'close');
    await hold(port);
    await closed;
    assert.equal(first.destroyed, false);
  });

  for (const secure of [false, true]) {
    test(`a response in progress${secure ? ' over TLS' : ''} → its connection stays open`, async (t) => {
      const { promise: asked, resolve: ask } = Promise.withResolvers<() => void>();
      const port = await serve(t, (_, response) => ask(() => void response.end('late')), secure);
      const options = { host: '127.0.0.1', port };
      const client = secure
        ? connectTls({ ...options, servername: 'localhost', ca: ca.certPem })
        : connect(options);
      client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const finish = await asked;
      for (let count = 0; count < 2 * limit; count += 1) await hold(port);
      finish();
      let text = '';
      for await (const chunk of client.setEncoding('utf8')) text += String(chunk);
      assert.match(text, /\r\n\r\nlate$/);
    });
  }

  for (const secure of [false, true]) {
    test(`long responses that clients do not read${secure ? ', over TLS' : ''} → the longest waiting clients are closed`, async (t) => {
      // More than the sockets of both sides take.
      const long = 'x'.repeat(12_000_000);
      const port = await serve(t, (_, response) => void response.end(long), secure, 3 * long.length);
      const closed: number[] = [];
      const clients: Socket[] = [];
      for (let index = 0; index < 6; index += 1) {
        const options = { host: '127.0.0.1', port };
        const client = secure
          ? connectTls({ ...options, servername: 'localhost', ca: ca.certPem })
          : connect(options);
        clients.push(client);
        held.add(client);
        client.on('error', () => undefined).on('close', () => closed.push(index));
        client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(client, 'readable');
      }
      const bytes = clients.map(() => 0);
      const read = (index: number): void =>
        void clients[index]?.on(
          'data',
          (chunk: Buffer) => (bytes[index] = (bytes[index] ?? 0) + chunk.length),
        );
      read(0);
      await poll('the first client to be closed', () => closed.includes(0) || undefined);
      assert.ok((bytes[0] ?? 0) < long.length, 'the first client has its whole response');
      read(5);
      await poll('the last response', () => (bytes[5] ?? 0) > long.length || undefined);
    });
  }

  test('two long responses to one client that reads neither → both count', async (t) => {
    const long = 'x'.repeat(12_000_000);
    let responses = 0;
    const port = await serve(
      t,
      (_, response) => {
        responses += 1;
        response.end(long);
      },
      false,
      2.5 * long.length,
    );
    const clients: Socket[] = [];
    const closed: number[] = [];
    for (let index = 0; index < 2; index += 1) {
      const client = connect(port, '127.0.0.1');
      clients.push(client);
      held.add(client);
      client.on('error', () => undefined).on('close', () => closed.push(index));
      for (let request = 1; request <= 2; request += 1) {
        const wanted = 2 * index + request;
        client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await poll('the response', () => responses >= wanted || undefined);
      }
    }
    clients[0]?.resume();
    await poll('the first client to be closed', () => closed.includes(0) || undefined);
    assert.ok((clients[0]?.bytesRead ?? 0) < 2 * long.length, 'the first client has both responses');
  });

  test('requests that do not wait for the response before → the connection is closed after one of them', async (t) => {
    let requests = 0;
    const port = await serve(t, () => void (requests += 1));
    const socket = await hold(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
    await once(socket, 'close');
    assert.equal(requests, 1);
  });

  test('one request after the other on a kept connection → each gets its response', async (t) => {
    const port = await serve(t);
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      await response.text();
      statuses.push(response.status);
    }
    assert.deepEqual(statuses, [200, 200, 200]);
  });

  test('4096 connections that are not accepted yet: are queued', async (t) => {
    const server = createServer();
    const { mock } = t.mock.method(server, 'listen');
    const listener = createHttpListener(server, { onRequest: ok });
    t.after(() => listener.close());
    await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const options: unknown = mock.calls[0]?.arguments[0];
    assert.partialDeepStrictEqual(options, { backlog: 4096 });
  });
});
