import assert from 'node:assert/strict';
import { test } from 'node:test';

import { followState } from '../../../src/kubernetes/status/start-status.ts';

/** Returns the calls that an event causes, in order. */
function callsFor(kind: string): readonly string[] {
  const calls: string[] = [];
  const state = followState(
    { served: () => calls.push('counts') },
    { changed: () => calls.push('reporter') },
  );
  state({ kind });
  return calls;
}

test('another state is served: first the counts of other replicas expire, then objects are compared', () => {
  assert.deepEqual(callsFor('served'), ['counts', 'reporter']);
});

test('findings or readiness change: objects are compared', () => {
  for (const kind of ['findings', 'readiness']) assert.deepEqual(callsFor(kind), ['reporter'], kind);
});
