import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { Server, connect } from 'node:net';
import type { ListenOptions, Socket } from 'node:net';
import { afterEach, mock, suite, test } from 'node:test';
import { listenSockets } from '../../src/net/listen-sockets.ts';
import type { SocketListeners } from '../../src/net/listen-sockets.ts';

/** An address for documentation (RFC 5737), which this machine does not have. */
const unusable = '192.0.2.1';

/** Makes the host name `proxies.test` stand for these addresses. */
function resolveTo(...addresses: readonly string[]): void {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  mock.method(dns, 'lookup', () => Promise.resolve(found));
  syncBuiltinESMExports();
}

async function listen(port = 0): Promise<SocketListeners & Disposable> {
  const accept = (socket: Socket): unknown => socket.end('hello');
  const listeners = await listenSockets({ kind: 'tcp', host: 'proxies.test', port }, accept);
  return { ...listeners, [Symbol.dispose]: () => listeners.stop() };
}

/** Makes the system choose this port, the given number of times. Returns how often a port was left to the system. */
function choosePort(port: number, times: number): () => number {
  type Listen = (this: Server, options: ListenOptions, done: () => void) => Server;
  const original = Reflect.get(Server.prototype, 'listen') as Listen;
  let chosen = 0;
  mock.method(Server.prototype, 'listen', function (this: Server, options: ListenOptions, done: () => void) {
    if (options.port !== 0) return original.call(this, options, done);
    chosen += 1;
    return original.call(this, chosen <= times ? { ...options, port } : options, done);
  });
  return () => chosen;
}

async function greetingAt(host: string, port: number): Promise<string> {
  const [bytes] = (await once(connect(port, host), 'data')) as [Buffer];
  return bytes.toString();
}

suite('addresses of a host name', () => {
  afterEach(() => {
    mock.restoreAll();
    syncBuiltinESMExports();
  });

  for (const [what, addresses, usable] of [
    ['IPv4 and IPv6', ['127.0.0.1', '::1'], ['127.0.0.1', '::1']],
    ['one that is listed twice', ['127.0.0.1', '127.0.0.1', '::1'], ['127.0.0.1', '::1']],
    ['one that cannot be used', [unusable, '127.0.0.1', '127.0.0.2'], ['127.0.0.1', '127.0.0.2']],
  ] as const)
    test(`${what}: listens on each that can be used, with the same port`, async () => {
      resolveTo(...addresses);
      using listeners = await listen();
      for (const address of usable) assert.equal(await greetingAt(address, listeners.port), 'hello');
    });

  test('none that can be used: an error', async () => {
    resolveTo(unusable);
    await assert.rejects(listen(), { code: 'EADDRNOTAVAIL' });
  });

  test('one in use: an error, and the others are free again', async () => {
    resolveTo('127.0.0.2');
    using other = await listen();
    resolveTo('127.0.0.1', '127.0.0.2');
    await assert.rejects(listen(other.port), { code: 'EADDRINUSE' });
    await assert.rejects(greetingAt('127.0.0.1', other.port), { code: 'ECONNREFUSED' });
  });

  test('port 0, and the port of the first address is in use on the second: listens on both with another port', async () => {
    resolveTo('::1');
    using other = await listen();
    const chosen = choosePort(other.port, 2);
    resolveTo('127.0.0.1', '::1');
    using listeners = await listen();
    assert.notEqual(listeners.port, other.port);
    assert.equal(chosen(), 3);
    for (const address of ['127.0.0.1', '::1'])
      assert.equal(await greetingAt(address, listeners.port), 'hello');
    await assert.rejects(greetingAt('127.0.0.1', other.port), { code: 'ECONNREFUSED' }, 'is free again');
  });

  test('port 0, and each port of the first address is in use on the second: an error after ten ports', async () => {
    resolveTo('::1');
    using other = await listen();
    const chosen = choosePort(other.port, Number.POSITIVE_INFINITY);
    resolveTo('127.0.0.1', '::1');
    await assert.rejects(listen(), { code: 'EADDRINUSE' });
    assert.equal(chosen(), 10);
    await assert.rejects(greetingAt('127.0.0.1', other.port), { code: 'ECONNREFUSED' });
  });

  test('given port in use on the second address: an error, without another attempt', async () => {
    resolveTo('::1');
    using other = await listen();
    const listens = mock.method(Server.prototype, 'listen');
    resolveTo('127.0.0.1', '::1');
    await assert.rejects(listen(other.port), { code: 'EADDRINUSE' });
    assert.equal(listens.mock.callCount(), 2);
  });
});
