import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { linkTo, parseRoute } from '../../src/page/route.ts';
import type { Route } from '../../src/page/route.ts';
import { titleOf } from '../../src/page/title.ts';

suite('URL fragment of a view', () => {
  const routes: readonly Route[] = [
    { kind: 'overview' },
    { kind: 'findings' },
    { kind: 'mesh', mesh: 'default' },
    { kind: 'mesh', mesh: 'a/b ü#%' },
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

  test('malformed percent sign: is text', () =>
    assert.deepEqual(parseRoute('#/mesh/50%'), { kind: 'mesh', mesh: '50%' }));
});

test('title of the tab: counts the problems, and has a mark while the connection is lost', () => {
  const mesh: Route = { kind: 'mesh', mesh: 'payments' };
  assert.deepEqual(
    [titleOf({ kind: 'overview' }, 0, 'live'), titleOf(mesh, 2, 'live'), titleOf(mesh, 2, 'lost')],
    ['meshtrust', '(2) payments · meshtrust', '(?) payments · meshtrust'],
  );
});
