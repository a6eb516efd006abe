import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { DeltaRequest } from '../../../src/xds/core/request.ts';
import { createDeltaSession } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { testTypes, urlOf } from '../vocabulary.ts';

const typeUrl = urlOf.unserved;

function requestOf(over: Partial<DeltaRequest>): DeltaRequest {
  return {
    kind: 'delta',
    node: undefined,
    typeUrl,
    nonce: '',
    error: undefined,
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    ...over,
  };
}

suite('responses that are due', () => {
  test('name that is dropped before the first response of a type without a set: the empty response is still sent, once', () => {
    const session = createDeltaSession(
      {
        view: createSnapshotStore(),
        frames: createFrames('test', ''),
        memory: createRefusalMemory({ entries: 10, ttlMs: 1_000 }),
        limits: defaultStreamLimits,
        groupOf: () => '',
        optionsOf: () => testTypes[typeUrl] ?? {},
      },
      { observe: () => undefined },
    );
    assert.equal(session.request(requestOf({ subscribe: ['a'] }), 0), undefined);
    assert.equal(session.request(requestOf({ unsubscribe: ['a'] }), 0), undefined);
    assert.deepEqual(session.take(0)?.content, { typeUrl, version: '', resources: [], removed: [] });
    assert.equal(session.take(0), undefined);
  });
});
