import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyOf } from '../../src/page/proxy-history.ts';
import type { ProxyDetail } from '../../src/api/fleet-api-types.ts';

const at = (second: number): string => `2026-11-23T12:00:0${second}.000Z`;

test('history of a proxy: newest first, with the words of its NACK', () => {
  const proxy: ProxyDetail = {
    node: 'edge-1',
    mesh: 'a',
    state: 'lost',
    address: '127.0.0.1:1',
    proxy: 'envoy 1.40.0',
    transports: [],
    connectedAt: at(1),
    disconnectedAt: at(7),
    behindSince: at(5),
    nacks: 1,
    lastNack: { at: at(6), secret: 's', code: 13, message: 'Failed to load' },
    streams: [
      {
        transport: 'delta ADS',
        address: '127.0.0.1:1',
        openedAt: at(2),
        secrets: [{ name: 's', sentVersion: 'v1', sentAt: at(3), ackedVersion: 'v1', ackedAt: at(4) }],
      },
    ],
  };
  assert.deepEqual(
    historyOf(proxy).map(({ what, isBad }) => `${isBad ? '! ' : ''}${what}`),
    [
      '! its last connection ended',
      '! rejected s: Failed to load',
      '! fell behind the served version',
      'acknowledged s, version v1',
      'was sent s, version v1',
      'opened a stream (delta ADS)',
      'connected',
    ],
  );
});

test('history of a connected proxy: has the streams that ended and that it has not opened again', () => {
  const stream = { transport: 'delta ADS', address: '127.0.0.1:1', openedAt: at(1), secrets: [] };
  const proxy: ProxyDetail = {
    node: 'edge-1',
    mesh: 'a',
    state: 'stale',
    address: '127.0.0.1:1',
    proxy: 'envoy 1.40.0',
    transports: [],
    connectedAt: at(0),
    nacks: 0,
    streams: [
      { ...stream, endedAt: at(2), ending: 'silence' },
      { ...stream, endedAt: at(3), ending: 'server' },
    ],
  };
  const [last, before] = historyOf(proxy);
  assert.deepEqual(
    [last?.what, before?.what],
    ['the server ended a stream (delta ADS)', 'a stream broke (delta ADS)'],
  );
});
