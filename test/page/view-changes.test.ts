import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshDetail } from '../../src/api/api-types.ts';
import type { ChangeDetail } from '../../src/api/change-api-types.ts';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Actions } from '../../src/page/page-state.ts';
import { parseRoute } from '../../src/page/route.ts';
import { viewMesh } from '../../src/page/view-mesh.ts';
import { noProxies } from './no-proxies.ts';
import { plainOf, textOf } from './template-text.ts';

const at = '2026-11-28T12:00:00.000Z';
const change = (version: string): ChangeDetail => ({
  mesh: 'default',
  version,
  changedAt: at,
  servedAt: at,
  first: false,
  denyAll: false,
  trustDomains: [],
});

/** Returns how many proxies the list of changes shows for each version. Versions are newest first. */
function holding(versions: readonly (readonly [version: string, proxies: number])[]): readonly string[] {
  const rollout = {
    mesh: 'default',
    version: versions[0]?.[0],
    changedAt: at,
    proxies: { ...noProxies, connected: 9 },
    complete: true,
    converged: false,
    versions: versions.map(([version, proxies]) => ({ version, servedAt: at, proxies })),
    lagging: [],
  } as unknown as RolloutDetail;
  const mesh = {
    name: 'default',
    version: '',
    trustDomains: [],
    held: [],
    findings: [],
  } as unknown as MeshDetail;
  const state = {
    ...initialState(parseRoute('#/mesh/default'), Date.parse(at)),
    mesh,
    changes: versions.map(([version]) => change(version)),
    rollouts: new Map([['default', rollout]]),
  };
  const text = plainOf(textOf(viewMesh(state, {} as Actions)));
  return [...text.matchAll(/(\w+) (\d+) prox\w+ still on it/g)].map(
    ([, version, number]) => `${version} ${number}`,
  );
}

suite('proxies that still have an earlier version', () => {
  const cases: Readonly<Record<string, Parameters<typeof holding>[0]>> = {
    'b 2, a 1': [
      ['c', 6],
      ['b', 2],
      ['a', 1],
    ],
    // The change was undone: the proxies of version a are up to date.
    'b 2': [
      ['a', 6],
      ['b', 2],
      ['a', 0],
    ],
    'a 2': [
      ['c', 6],
      ['a', 2],
      ['b', 0],
      ['a', 0],
    ],
    '': [['a', 9]],
  };
  for (const [shown, versions] of Object.entries(cases))
    test(`versions ${versions.map(([version]) => version).join()}: ${shown || 'none'}`, () =>
      assert.equal(holding(versions).join(', '), shown));
});
