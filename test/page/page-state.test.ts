import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshSummary } from '../../src/api/api-types.ts';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import type { ServerDetail } from '../../src/api/server-api-types.ts';
import { initialState, isComplete, readinessOf } from '../../src/page/page-state.ts';
import type { PageState } from '../../src/page/page-state.ts';

const none = { error: 0, warning: 0, info: 0 };
const before = initialState({ kind: 'overview' }, 0);
const answered: PageState = {
  ...before,
  meshes: [{ name: 'a' } as MeshSummary],
  findings: { counts: none, findings: [] },
};
const rollouts = new Map([['a', { mesh: 'a' } as RolloutDetail]]);

suite('verdict of the overview: is shown', () => {
  const table: readonly (readonly [what: string, state: PageState, shown: boolean])[] = [
    ['no response', { ...before, now: 60_000 }, false],
    ['responses, but no connection for events yet', answered, false],
    ['connection, but no roll-out of the mesh yet', { ...answered, connection: 'live' }, false],
    ['connection and roll-outs', { ...answered, connection: 'live', rollouts }, true],
    ['connection without meshes', { ...answered, connection: 'live', meshes: [] }, true],
    ['no events for three seconds', { ...answered, now: 3_001 }, true],
    ['lost connection', { ...answered, connection: 'lost' }, true],
  ];
  for (const [what, state, shown] of table) test(what, () => assert.equal(isComplete(state), shown));
});

test('readiness: of the newest event, or of the last response if there are no events', () => {
  const about = { readiness: { status: 'draining' } } as ServerDetail;
  const server = { changes: 1, readiness: 'ready', findings: none, held: 0 } as const;
  assert.deepEqual(
    [readinessOf(before), readinessOf({ ...before, about }), readinessOf({ ...before, about, server })],
    [undefined, 'draining', 'ready'],
  );
});
