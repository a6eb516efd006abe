import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderProxies, renderProxy } from '../../../src/cli/tables/proxy-table.ts';

const identity = 'system:serviceaccount:edge:envoy';
const proxy: Parameters<typeof renderProxy>[0] = {
  server: 'http://one',
  node: 'n1',
  mesh: 'default',
  state: 'synced',
  address: '10.0.0.1:1',
  proxy: 'envoy 1.40.0',
  identity,
  transports: ['ads-delta'],
  connectedAt: '2026-11-28T12:00:00.000Z',
  nacks: 0,
  streams: [],
};
const now = Date.parse('2026-11-28T12:01:00Z');

suite('identity of a proxy', () => {
  test('list: has it with -o wide', () => {
    const options = { now, servers: 1, colour: false };
    const wide = renderProxies([proxy], { ...options, wide: true });
    assert.match(wide, /\bIDENTITY\b/);
    assert.ok(wide.includes(identity));
    assert.ok(!renderProxies([proxy], { ...options, wide: false }).includes(identity));
  });

  test('details: have it, if the proxy has authenticated', () => {
    const style = { wide: false, colour: false };
    assert.match(renderProxy(proxy, style, now), new RegExp(`identity: +${identity}`));
    assert.doesNotMatch(renderProxy({ ...proxy, identity: undefined }, style, now), /identity/);
  });
});

suite('streams of a proxy', () => {
  test('a stream ended and still counts: the details say so, and mark its secrets', () => {
    const open = {
      transport: 'delta ADS',
      address: '10.0.0.1:1',
      openedAt: proxy.connectedAt,
      secrets: [{ name: 'one' }],
    };
    const ended = {
      ...open,
      endedAt: proxy.connectedAt,
      ending: 'silence',
      secrets: [{ name: 'two' }],
    } as const;
    const style = { wide: false, colour: false };
    const text = renderProxy({ ...proxy, streams: [open, ended] }, style, now);
    assert.match(text, /ended: +1 stream not opened again/);
    assert.match(text, /one +delta ADS  /);
    assert.match(text, /two +delta ADS \(ended\)/);
    assert.doesNotMatch(renderProxy({ ...proxy, streams: [open] }, style, now), /ended/);
  });
});
