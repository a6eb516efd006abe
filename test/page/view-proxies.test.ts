import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProxySummary } from '../../src/api/fleet-api-types.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Actions, PageState } from '../../src/page/page-state.ts';
import { linkTo, parseRoute } from '../../src/page/route.ts';
import { viewProxies } from '../../src/page/view-proxies.ts';
import { textOf } from './template-text.ts';

const identity = 'spiffe://a.test/ns/edge/sa/envoy';
const proxy: ProxySummary = {
  node: 'n1',
  mesh: 'default',
  state: 'synced',
  address: '10.0.0.1:1',
  proxy: 'envoy 1.40.0',
  identity,
  transports: ['ads-delta'],
  connectedAt: '2026-11-28T12:00:00.000Z',
  nacks: 0,
};

/** Returns the list as HTML, of a server with these methods of authentication. */
function page(methods: readonly string[], fragment: string, ...proxies: readonly ProxySummary[]): string {
  const about = { xdsAuthentication: { methods } } as unknown as PageState['about'];
  const list = { proxies, total: proxies.length, complete: true };
  const state = { ...initialState(parseRoute(fragment), 0), about, proxies: list };
  return textOf(viewProxies(state, {} as Actions));
}

suite('identities in the list of proxies', () => {
  test('server that authenticates proxies: the list has a column of identities, and a filter', () => {
    const shown = page(['mtls', 'none'], '#/mesh/default', proxy, { ...proxy, identity: undefined });
    assert.match(shown, /<th scope="col">Identity<\/th>/);
    assert.ok(shown.includes(`<td data-label="Identity"><code>${identity}</code></td>`));
    assert.ok(shown.includes('<td data-label="Identity"><code>—</code></td>'));
    assert.match(shown, /name="identity"/);
  });

  test('server without authentication: the list has neither', () =>
    assert.doesNotMatch(page(['none'], '#/mesh/default', proxy), /dentity/));

  test('filter by identity: is part of the address', () => {
    const fragment = '#/mesh/default?identity=ns%2Fedge';
    assert.equal(linkTo(parseRoute(fragment)), fragment);
    assert.match(page(['mtls'], fragment), /No proxy matches/);
  });
});
