import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Server, connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { listenAt, skipReset } from '../../src/grpc/listen.ts';
import { createHealthClient, startServer } from './server.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

suite('gRPC listener', () => {
  test('port 0: reports the assigned port, for IPv4 and IPv6', async () => {
    using four = await startServer();
    assert.match(four.address, /^127\.0\.0\.1:[1-9]\d*$/);
    using six = await startServer({ listen: '[::1]:0' });
    assert.match(six.address, /^\[::1\]:[1-9]\d*$/);
    using client = createHealthClient(six.address);
    assert.equal(await client.check(), 'NOT_SERVING');
  });

  test('host name: listens on each of its addresses', async () => {
    using rig = await startServer({ listen: 'localhost:0' });
    const port = /^localhost:([1-9]\d*)$/.exec(rig.address)?.[1] ?? '';
    const addresses = await lookup('localhost', { all: true });
    assert.ok(addresses.length > 0);
    for (const { address, family } of addresses) {
      using client = createHealthClient(family === 6 ? `[${address}]:${port}` : `${address}:${port}`);
      assert.equal(await client.check(), 'NOT_SERVING', address);
    }
  });

  test('many connections while the server is busy: all fit in the backlog', async () => {
    using rig = await startServer();
    const [host = '', port = ''] = rig.address.split(':');
    // More than Node's default backlog. An attempt without a place is repeated in vain until the server accepts again.
    const proxies = 700;
    const flood = `
      const { connect } = require('node:net');
      let connected = 0;
      const end = () => { process.stdout.write(String(connected)); process.exit(); };
      setTimeout(end, 8000);
      for (let n = 0; n < ${proxies}; n += 1)
        connect(${port}, '${host}', () => { if (++connected === ${proxies}) end(); }).on('error', () => {});
    `;
    // Nothing is accepted while this thread waits for the other process.
    const { stdout } = spawnSync(process.execPath, ['-e', flood], { encoding: 'utf8', timeout: 10_000 });
    assert.equal(stdout, String(proxies));
  });

  test('connections that cannot be accepted, for example without a free file: are reported, and do not end the program', async (t) => {
    const { mock } = t.mock.method(Server.prototype, 'listen');
    const errors: string[] = [];
    const acceptFailed = ({ message }: Error): void => void errors.push(message);
    const listener = await listenAt('127.0.0.1:0', (socket) => socket.destroy(), { acceptFailed });
    t.after(() => listener.stop());
    const server = mock.calls[0]?.this as Server | undefined;
    for (let times = 0; times < 2; times += 1)
      assert.equal(server?.emit('error', new Error('accept EMFILE')), true);
    assert.deepEqual(errors, ['accept EMFILE', 'accept EMFILE']);
  });

  test('unix socket: accepts connections', async () => {
    await using dir = await makeTempDir();
    const listen = `unix:${dir.join('xds.sock')}`;
    using rig = await startServer({ listen });
    assert.equal(rig.address, listen);
    using client = createHealthClient(listen);
    assert.equal(await client.check(), 'NOT_SERVING');
  });

  test('pauseOnConnect: nothing is read from a socket before it is resumed', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const listener = await listenAt('127.0.0.1:0', accepted.resolve, { pauseOnConnect: true });
    const client = connect(Number(listener.address.split(':')[1]), '127.0.0.1');
    const written = new Promise<unknown>((resolve) => void client.write('hello', resolve));
    const [socket] = await Promise.all([accepted.promise, written]);
    // The kernel has the bytes by now. Several turns of the event loop do not read them.
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    assert.deepEqual([socket.isPaused(), socket.bytesRead], [true, 0]);
    socket.resume();
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    assert.equal(bytes.toString(), 'hello');
    client.destroy();
    socket.destroy();
    listener.stop();
  });

  test('client that resets its connection before its turn: its paused socket is destroyed, and not served', async () => {
    const [paused, served]: [Socket[], Socket[]] = [[], []];
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      paused.push(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const end of ['reset', 'none'] as const) {
      const client = connect(port, '127.0.0.1').on('error', () => undefined);
      const written = new Promise<unknown>((resolve) => void client.write('hello', resolve));
      await Promise.all([once(server, 'connection'), written]);
      if (end === 'none') continue;
      client.resetAndDestroy();
      await once(client, 'close');
    }
    for (const socket of paused) skipReset((one) => void served.push(one))(socket);
    assert.deepEqual(
      paused.map(({ destroyed }) => destroyed),
      [true, false],
    );
    assert.deepEqual(served, paused.slice(1));
    for (const socket of paused) socket.destroy();
    server.close();
  });

  test('address in use: the error names it', async () => {
    using first = await startServer();
    const text = `cannot listen on ${first.address}: `;
    await assert.rejects(startServer({ listen: first.address }), (error: Error) =>
      error.message.startsWith(text),
    );
  });

  test('request above the limit: is rejected', async () => {
    using rig = await startServer({ maxRequestBytes: 1000 });
    using client = createHealthClient(rig.address);
    assert.equal(await client.check('x'.repeat(900)), status.NOT_FOUND);
    assert.equal(await client.check('x'.repeat(1100)), status.RESOURCE_EXHAUSTED);
  });

  test('peer that no longer answers: its connection is closed', async () => {
    using rig = await startServer({ keepaliveMs: 50, keepaliveTimeoutMs: 50 });
    const [host, port] = rig.address.split(':');
    const socket = connect(Number(port), host);
    // An HTTP/2 preface and empty SETTINGS, and then nothing: pings get no answer.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    socket.resume();
    await once(socket, 'close');
  });

  test('connection age and grace pass: streams end with their connection', async () => {
    using rig = await startServer({ maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 100 });
    using client = createHealthClient(rig.address);
    using watch = client.watch();
    assert.equal(await watch.next(), 'NOT_SERVING');
    assert.equal(typeof (await watch.next()), 'number');
  });

  test('peer that answers pings: its connection stays open', async () => {
    using rig = await startServer({ keepaliveMs: 20, keepaliveTimeoutMs: 200 });
    const session = connectHttp2(`http://${rig.address}`);
    let pings = 0;
    await new Promise<void>((resolve, reject) => {
      session.on('ping', () => (++pings === 5 ? resolve() : undefined));
      session.on('close', () => reject(new Error(`closed after ${pings} pings`)));
    });
    assert.ok(!session.closed);
    session.destroy();
  });
});
