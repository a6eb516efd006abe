import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyList } from '../../src/api/fleet-api-types.ts';
import { initialState } from '../../src/page/page-state.ts';
import { parseRoute } from '../../src/page/route.ts';
import { viewSearch } from '../../src/page/view-search.ts';
import { plainOf, textOf } from './template-text.ts';

test('search that does not have all proxies: says how many more there are, and that a worker does not answer', () => {
  const found = { node: 'n1', mesh: 'default', state: 'synced', address: '10.0.0.1:1' };
  const textWith = (proxies: object): string => {
    const state = {
      ...initialState(parseRoute('#/search/n'), 0),
      certificates: { certificates: [], total: 0 },
      proxies: proxies as ProxyList,
    };
    return plainOf(textOf(viewSearch(state)));
  };
  const all = { proxies: [found], total: 1, complete: true };
  assert.doesNotMatch(textWith(all), /more|worker/);
  assert.match(textWith({ ...all, total: 120 }), /119 more: type more/);
  assert.match(textWith({ proxies: [], total: 0, complete: false }), /A worker does not answer/);
});

test('found proxy without a node id: has no link, because it has no view', () => {
  const found = ['', 'n1'].map((node) => ({ node, mesh: 'default', state: 'synced', address: '10.0.0.1:1' }));
  const proxies = { proxies: found, total: 2, complete: true } as unknown as ProxyList;
  const state = {
    ...initialState(parseRoute('#/search/10.0'), 0),
    certificates: { certificates: [], total: 0 },
    proxies,
  };
  const links = [...textOf(viewSearch(state)).matchAll(/href=(#\/proxy\S*?)>/g)].map(([, link]) => link);
  assert.deepEqual(links, ['#/proxy/default/n1']);
});
