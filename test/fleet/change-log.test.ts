import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createChangeLog } from '../../src/fleet/change-log.ts';
import type { Rollout } from '../../src/fleet/rollout.ts';
import type { StateEvent } from '../../src/runtime/state-view.ts';
import { diffMeshes } from '../../src/trust/snapshot/diff.ts';
import type { MeshState, MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import { domainOf, meshOf } from '../admin/states.ts';

/** A mesh whose version is that of its CAs. */
function stateOf(mesh: string, cas: readonly string[]): MeshState {
  const state = meshOf(
    cas.length === 0
      ? []
      : [
          domainOf(
            'a.test',
            cas.map((name) => ({ name })),
            mesh,
          ),
        ],
    undefined,
    mesh,
  );
  return { ...state, secrets: { ...state.secrets, version: `version ${cas.join()}` } };
}

function makeLog() {
  let now = 0;
  let before: MeshStates = new Map();
  const log = createChangeLog(() => now);
  return {
    log,
    serve: (mesh: string, cas: readonly string[], afterMs = 10): void => {
      now += afterMs;
      const states = new Map(before).set(mesh, stateOf(mesh, cas));
      const changes = diffMeshes(before, states);
      before = states;
      log.state({ kind: 'served', states, changes, since: now - 5 } as unknown as StateEvent);
    },
    converge: (mesh: string, version: string, gaveUp = 0): void => {
      const current = { version, since: 0, servedAt: now, names: new Map() };
      log.converged({ mesh, current, connected: 3, convergedAt: now + 2 } as unknown as Rollout, gaveUp);
    },
    /** The changes of a mesh in words, newest first. */
    lines: (mesh?: string): readonly string[] =>
      log.recent(mesh, 100).map(({ mesh: name, first, trustDomains, converged }) => {
        const names = trustDomains.map(({ added, removed }) =>
          [
            ...added.certificates.map(({ subject }) => `+${subject}`),
            ...removed.certificates.map(({ subject }) => `-${subject}`),
          ].join(' '),
        );
        const end = converged === undefined ? 'open' : `${converged.proxies} at ${converged.at}`;
        return `${name}${first ? ' first' : ''}: ${names.join()}; ${end}`;
      }),
  };
}

suite('log of changes', () => {
  test('clock set back: the newest change is first all the same', () => {
    const { serve, lines } = makeLog();
    serve('m', ['A']);
    serve('n', ['B'], -3_600_000);
    serve('m', [], 5);
    const expected = ['m: -CN=A; open', 'n first: +CN=B; open', 'm first: +CN=A; open'];
    assert.deepEqual(lines(), expected);
    assert.deepEqual(lines('m'), [expected[0], expected[2]]);
  });

  test('change: names the CAs that were added and removed', () => {
    const { serve, lines } = makeLog();
    serve('m', ['A', 'B']);
    serve('m', ['B', 'C']);
    serve('m', []);
    assert.deepEqual(lines('m'), [
      'm: -CN=B -CN=C; open',
      'm: +CN=C -CN=A; open',
      'm first: +CN=A +CN=B; open',
    ]);
  });

  test('convergence: belongs to the newest change only', () => {
    const { serve, converge, lines } = makeLog();
    serve('m', ['A']);
    serve('m', ['B']);
    converge('m', 'version A');
    assert.deepEqual(lines(), ['m: +CN=B -CN=A; open', 'm first: +CN=A; open']);
    converge('m', 'version B');
    assert.deepEqual(lines(), ['m: +CN=B -CN=A; 3 at 22', 'm first: +CN=A; open']);
  });

  test('several meshes: newest first, or one of them', () => {
    const { serve, lines } = makeLog();
    serve('m', ['A']);
    serve('n', ['A']);
    serve('m', ['B']);
    assert.deepEqual(
      lines().map((line) => line[0]),
      ['m', 'n', 'm'],
    );
    assert.deepEqual(lines('n'), ['n first: +CN=A; open']);
    assert.deepEqual(lines('other'), []);
  });

  test('many changes: the last 16 of a mesh are kept', () => {
    const { log, serve, lines } = makeLog();
    for (let index = 0; index < 40; index += 1) serve('m', [`CA ${index}`]);
    assert.equal(lines().length, 16);
    assert.equal(log.recent('m', 1)[0]?.version, 'version CA 39');
  });
});
