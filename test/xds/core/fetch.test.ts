import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFetch } from '../../../src/xds/core/fetch.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { SotwRequest } from '../../../src/xds/core/request.ts';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { typeUrls } from '../../../src/xds/index.ts';
import { setOf } from '../vocabulary.ts';

const typeUrl = typeUrls.secret;

function setUp(): {
  readonly store: ReturnType<typeof createSnapshotStore>;
  readonly fetch: (...names: readonly string[]) => Uint8Array;
} {
  const store = createSnapshotStore();
  const answer = createFetch({
    typeUrl,
    identifier: 'id',
    context: {
      view: store,
      frames: createFrames('test', ''),
      memory: createRefusalMemory({ entries: 1, ttlMs: 1 }),
      limits: defaultStreamLimits,
      groupOf: () => '',
      optionsOf: () => ({}),
    },
  });
  return {
    store,
    fetch(...names) {
      const request: SotwRequest = {
        kind: 'sotw',
        typeUrl,
        names,
        version: '',
        nonce: '',
        error: undefined,
        node: undefined,
      };
      const outcome = answer(request);
      assert.equal(outcome.kind, 'response');
      return outcome.bytes;
    },
  };
}

suite('unary response with one resource', () => {
  test('unchanged resource: is encoded once, even if other resources change', () => {
    const { store, fetch } = setUp();
    const set = setOf({ a: '1', b: '1' });
    store.set('', typeUrl, set);
    const first = fetch('a');
    assert.equal(fetch('a'), first);
    const other = setOf({ b: '2' }).resources.get('b');
    assert.ok(other !== undefined);
    store.set('', typeUrl, { ...set, resources: new Map([...set.resources, ['b', other]]) });
    assert.equal(fetch('a'), first);
  });

  test('another resource, or several: get different bytes', () => {
    const { store, fetch } = setUp();
    store.set('', typeUrl, setOf({ a: '1', b: '1' }));
    const [a, b, both] = [fetch('a'), fetch('b'), fetch('a', 'b')];
    assert.notDeepEqual(a, b);
    assert.notDeepEqual(a, both);
    store.set('', typeUrl, setOf({ a: '2', b: '1' }));
    assert.notDeepEqual(fetch('a'), a);
    assert.deepEqual(fetch('b'), b);
  });
});
