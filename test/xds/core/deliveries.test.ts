import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createDeliveries } from '../../../src/xds/core/deliveries.ts';
import type { Deliveries } from '../../../src/xds/core/deliveries.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { RefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import { createResourceSet, lookup } from '../../../src/xds/core/resource.ts';
import { resource } from '../vocabulary.ts';

const typeUrl = 'type.googleapis.com/test.T';
const refused = { code: 13, message: 'no' };

function deliveriesOf(memory: RefusalMemory, oneResourcePerResponse = true): Deliveries {
  return createDeliveries({
    protocol: 'delta',
    typeUrl,
    oneResourcePerResponse,
    ackTimeoutMs: 5_000,
    memory,
    client: { nodeId: 'node', origin: '' },
    isSubscribed: () => false,
    target: lookup,
    observe: () => undefined,
  });
}

/** Sends the next response and returns its content. */
function send(deliveries: Deliveries, nonce: string, version: string | undefined): string | undefined {
  const set = createResourceSet(version === undefined ? [] : [resource('a', version)]);
  const next = deliveries.next(set, 0);
  if (next === undefined) return undefined;
  deliveries.sent(nonce, next, 0);
  return next.map((delivery) => delivery.resource?.version ?? 'removed').join();
}

suite('deliveries of one stream', () => {
  test('NACK on another stream of the same node: this stream still restores its acknowledged version', () => {
    const memory = createRefusalMemory({ entries: 10, ttlMs: 1_000 });
    const [one, two] = [deliveriesOf(memory), deliveriesOf(memory)];
    one.requireReply('a');
    assert.equal(send(one, '1', '1'), '1');
    one.applyAck('1', undefined, 0);
    two.requireReply('a');
    assert.equal(send(two, '2', '1'), '1');
    two.applyAck('2', refused, 0);
    one.recheck('a');
    assert.equal(send(one, '3', '3'), '3');
    one.applyAck('3', refused, 0);
    assert.equal(send(one, '4', '3'), '1');
  });

  test('rejected versions above the limit: the oldest is forgotten and sent once more', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    deliveries.requireReply('a');
    for (let version = 1; version <= 17; version += 1) {
      assert.equal(send(deliveries, String(version), String(version)), String(version));
      deliveries.applyAck(String(version), refused, 0);
      deliveries.recheck('a');
    }
    assert.equal(send(deliveries, 'x', '2'), undefined);
    deliveries.recheck('a');
    assert.equal(send(deliveries, 'x', '1'), '1');
  });

  test('client without ACKs: the oldest responses are forgotten, and their ACKs are stale', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    for (let nonce = 0; nonce < 100; nonce += 1) {
      deliveries.requireReply('a');
      assert.equal(send(deliveries, String(nonce), '1'), '1');
    }
    assert.equal(deliveries.applyAck('0', undefined, 0), false);
    assert.equal(deliveries.applyAck('99', undefined, 0), true);
    assert.equal(deliveries.applyAck('99', undefined, 0), false);
  });

  test('name covered by a wildcard only: is forgotten when the client acknowledges its removal', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }), false);
    deliveries.recheck('a');
    assert.equal(send(deliveries, '1', '1'), '1');
    deliveries.applyAck('1', undefined, 0);
    deliveries.recheck('a');
    assert.equal(send(deliveries, '2', undefined), 'removed');
    assert.equal(deliveries.has('a'), true);
    deliveries.applyAck('2', undefined, 0);
    assert.equal(deliveries.has('a'), false);
  });

  test('change that waits for an ACK: wakeAt is the end of the ACK timeout', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    deliveries.requireReply('a');
    assert.equal(send(deliveries, '1', '1'), '1');
    assert.equal(deliveries.wakeAt, undefined);
    deliveries.recheck('a');
    assert.equal(send(deliveries, '2', '2'), undefined);
    assert.equal(deliveries.wakeAt, 5_000);
    deliveries.applyAck('1', undefined, 0);
    assert.equal(send(deliveries, '2', '2'), '2');
    assert.equal(deliveries.wakeAt, undefined);
  });
});
