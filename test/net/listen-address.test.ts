import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatListenAddress, isLoopback, parseListenAddress } from '../../src/net/listen-address.ts';

suite('an address to listen on', () => {
  const table = [
    ['127.0.0.1:5678', { kind: 'tcp', host: '127.0.0.1', port: 5678 }, true],
    ['127.3.4.5:0', { kind: 'tcp', host: '127.3.4.5', port: 0 }, true],
    ['localhost:65535', { kind: 'tcp', host: 'localhost', port: 65_535 }, true],
    ['[::1]:5678', { kind: 'tcp', host: '::1', port: 5678 }, true],
    ['0.0.0.0:5678', { kind: 'tcp', host: '0.0.0.0', port: 5678 }, false],
    ['[::]:5678', { kind: 'tcp', host: '::', port: 5678 }, false],
    ['xds.example.org:1', { kind: 'tcp', host: 'xds.example.org', port: 1 }, false],
    ['127.example.org:1', { kind: 'tcp', host: '127.example.org', port: 1 }, false],
    ['unix:/run/meshtrust.sock', { kind: 'unix', path: '/run/meshtrust.sock' }, true],
    ['unix:relative.sock', { kind: 'unix', path: 'relative.sock' }, true],
  ] as const;
  for (const [text, address, loopback] of table) {
    test(`${text}: is an address`, () => {
      assert.deepEqual(parseListenAddress(text), address);
      assert.equal(formatListenAddress(parseListenAddress(text)), text);
      assert.equal(isLoopback(parseListenAddress(text)), loopback);
    });
  }

  test('unix path with three slashes, as other programs write it: is an address', () =>
    assert.deepEqual(parseListenAddress('unix:///run/x.sock'), { kind: 'unix', path: '/run/x.sock' }));

  for (const text of [
    '',
    '5678',
    ':5678',
    'host',
    'host:',
    'host:65536',
    'host:-1',
    'host:x',
    '::1:5678',
    'unix:',
  ])
    test(`${JSON.stringify(text)}: is no address`, () =>
      assert.throws(() => parseListenAddress(text), /HOST:PORT, \[IPv6\]:PORT or unix:PATH/));
});
