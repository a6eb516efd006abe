import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { RejectedResource, ClientIdentity } from '../../../src/xds/core/refusal-memory.ts';

const client: ClientIdentity = { nodeId: 'n', origin: '10.0.0.1' };

function bytes(version: string, over: Partial<RejectedResource> = {}): RejectedResource {
  return { typeUrl: 'type.googleapis.com/test.T', name: 'a', version, ...over };
}

suite('refusal memory', () => {
  test('entry limit: the oldest entry is forgotten first', () => {
    const memory = createRefusalMemory({ entries: 3, ttlMs: 1_000 });
    for (const version of ['1', '2', '3']) memory.remember(client, bytes(version), 0);
    memory.remember(client, bytes('1'), 1); // Refused again: now the youngest.
    memory.remember(client, bytes('4'), 2);
    const known = ['1', '2', '3', '4'].filter((version) => memory.has(client, bytes(version), 2));
    assert.deepEqual(known, ['1', '3', '4']);
    assert.equal(memory.size, 3);
  });

  test('entry limit: made-up node ids of one origin do not evict the entry of another origin', () => {
    const memory = createRefusalMemory({ entries: 100, ttlMs: 1_000 });
    memory.remember(client, bytes('1'), 0);
    for (let count = 0; count < 1_000; count += 1) {
      memory.remember({ nodeId: `made-up-${count}`, origin: '10.0.0.66' }, bytes('1'), 1);
    }
    assert.equal(memory.has(client, bytes('1'), 1), true);
    assert.equal(memory.size, 100);
  });

  test('list: has all entries that are not too old, the oldest first', () => {
    const memory = createRefusalMemory({ entries: 100, ttlMs: 1_000 });
    for (const [at, version] of ['1', '2', '3'].entries()) memory.remember(client, bytes(version), at);
    memory.remember(client, bytes('1'), 3);
    assert.deepEqual(memory.list(3), [
      { ...client, ...bytes('2') },
      { ...client, ...bytes('3') },
      { ...client, ...bytes('1') },
    ]);
    assert.deepEqual(memory.list(1_002), [{ ...client, ...bytes('1') }]);
  });

  test('retention time: an old entry is forgotten, and the next NACK frees its memory', () => {
    const memory = createRefusalMemory({ entries: 100, ttlMs: 1_000 });
    memory.remember(client, bytes('1'), 0);
    assert.equal(memory.has(client, bytes('1'), 999), true);
    assert.equal(memory.has(client, bytes('1'), 1_000), false);
    memory.remember(client, bytes('2'), 1_000);
    assert.equal(memory.size, 1);
  });

  test('key: consists of node id, origin, type, name and version', () => {
    const memory = createRefusalMemory({ entries: 100, ttlMs: 1_000 });
    memory.remember(client, bytes('1'), 0);
    assert.equal(memory.has(client, bytes('1'), 0), true);
    assert.equal(memory.has({ ...client, nodeId: 'm' }, bytes('1'), 0), false);
    assert.equal(memory.has({ ...client, origin: '10.0.0.2' }, bytes('1'), 0), false);
    assert.equal(memory.has(client, bytes('1', { typeUrl: 'other' }), 0), false);
    assert.equal(memory.has(client, bytes('1', { name: 'b' }), 0), false);
    assert.equal(memory.has(client, bytes('2'), 0), false);
  });

  test('node without an id: nothing is remembered', () => {
    const memory = createRefusalMemory({ entries: 100, ttlMs: 1_000 });
    memory.remember({ nodeId: '', origin: '10.0.0.1' }, bytes('1'), 0);
    assert.equal(memory.has({ nodeId: '', origin: '10.0.0.1' }, bytes('1'), 0), false);
    assert.equal(memory.size, 0);
  });
});
