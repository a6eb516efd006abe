import assert from 'node:assert/strict';
import { test } from 'node:test';

import { followState } from '../../../src/kubernetes/status/start-status.ts';

/** What is called for an event, in its order. */
function callsFor(kind: string): readonly string[] {
  const calls: string[] = [];
  const state = followState(
    { served: () => calls.push('counts') },
    { changed: () => calls.push('reporter') },
  );
  state({ kind });
  return calls;
}

test('another state is served → what other replicas reported counts no more, and only then objects are looked at', () => {
  assert.deepEqual(callsFor('served'), ['counts', 'reporter']);
});

test('findings or readiness change → objects are looked at', () => {
  for (const kind of ['findings', 'readiness']) assert.deepEqual(callsFor(kind), ['reporter'], kind);
});
