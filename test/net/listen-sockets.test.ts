import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
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
});
