import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { filterOf, linkTo, noFilter, parseRoute, titleOf } from '../../src/page/route.ts';
import type { Route } from '../../src/page/route.ts';

suite('URL fragment of a view', () => {
  const routes: readonly Route[] = [
    { kind: 'overview' },
    { kind: 'findings' },
    { kind: 'cas' },
    { kind: 'mesh', mesh: 'default' },
    { kind: 'mesh', mesh: 'a/b ü#%?' },
    { kind: 'mesh', mesh: 'a', filter: { state: 'lost' } },
    { kind: 'mesh', mesh: 'a', filter: { state: 'behind' } },
    { kind: 'mesh', mesh: 'a', filter: { node: 'web&?/#', version: 'ab12', after: ['x', 'y='] } },
    { kind: 'proxy', mesh: 'default', node: 'kuma/web.1#?%' },
    { kind: 'ca', fingerprint: 'ab12' },
    { kind: 'code', code: 'MT023' },
    { kind: 'search', text: 'Root CA / 1' },
  ];
  for (const route of routes) {
    test(`${linkTo(route)}: leads back to its view`, () =>
      assert.deepEqual(parseRoute(linkTo(route)), route));
  }

  for (const fragment of [
    '',
    '#',
    '#/',
    '#/mesh',
    '#/mesh/',
    '#/mesh/a/b',
    '#/proxy/a',
    '#/nothing/here',
    '#/%',
  ]) {
    test(`${fragment || '(none)'}: is the overview`, () =>
      assert.deepEqual(parseRoute(fragment), { kind: 'overview' }));
  }

  test('filter with a state that does not exist, and empty values: is no filter', () => {
    const route = parseRoute('#/mesh/a?state=happy&node=&identity=&other=1');
    assert.deepEqual(route, { kind: 'mesh', mesh: 'a' });
    assert.deepEqual(filterOf(route), noFilter);
  });

  test('malformed percent sign: is text', () =>
    assert.deepEqual(parseRoute('#/mesh/50%'), { kind: 'mesh', mesh: '50%' }));
});

test('title of the tab: counts the problems, and has a mark while the connection is lost', () => {
  const mesh: Route = { kind: 'mesh', mesh: 'payments' };
  assert.deepEqual(
    [titleOf({ kind: 'overview' }, 0, false), titleOf(mesh, 2, false), titleOf(mesh, 2, true)],
    ['meshtrust', '(2) payments · meshtrust', '(?) payments · meshtrust'],
  );
});
