import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createDeliveries } from '../../../src/xds/core/deliveries.ts';
import type { Deliveries } from '../../../src/xds/core/delivery.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { RefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import { createResourceSet, lookup } from '../../../src/xds/core/resource.ts';
import type { SessionEvent } from '../../../src/xds/core/session-event.ts';
import { createTrackedResources } from '../../../src/xds/core/tracked-resources.ts';
import type { TrackedResources } from '../../../src/xds/core/tracked-resources.ts';
import { resource } from '../vocabulary.ts';

const typeUrl = 'type.googleapis.com/test.T';
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const refused = { code: 13, message: 'no' };

/**
 * Deliveries with their resources, and the contents of their responses by nonce. The next response gets the nonce
 * `nextNonce`.
 */
interface TestDeliveries extends Deliveries {
  readonly tracked: TrackedResources;
  nextNonce: string;
  readonly contents: Map<string, string>;
  /** The encoded messages, as long as something keeps them. */
  readonly encoded: WeakRef<Uint8Array>[];
  /** Acknowledged names, in order. */
  readonly acked: string[];
}

function deliveriesOf(memory: RefusalMemory, oneResourcePerResponse = true): TestDeliveries {
  const encoded: WeakRef<Uint8Array>[] = [];
  const acked: string[] = [];
  const tracked = createTrackedResources();
  const contents = new Map<string, string>();
  const frames = createFrames('test', '');
  const context = {
    typeUrl,
    ackTimeoutMs: 5_000,
    memory,
    client: { nodeId: 'node', origin: '' },
    listener: { observe: (event: SessionEvent) => event.kind === 'acked' && acked.push(event.name) },
  };
  const deliveries: TestDeliveries = Object.assign(
    createDeliveries(
      { protocol: 'delta', oneResourcePerResponse, context, tracked },
      {
        isSubscribed: () => false,
        target: lookup,
        encode(sent) {
          const nonce = deliveries.nextNonce;
          contents.set(nonce, sent.map(({ resource: of }) => of?.version ?? 'removed').join());
          const resources = sent.flatMap(({ resource: of }) => of ?? []);
          const removed = sent.filter(({ resource: of }) => of === undefined).map(({ name }) => name);
          const frame = frames.get('delta', { typeUrl, version: '', resources, removed }, Number(nonce));
          encoded.push(new WeakRef(frame.bytes));
          return { ...frame, nonce };
        },
      },
    ),
    { tracked, nextNonce: '', contents, encoded, acked },
  );
  return deliveries;
}

/** Sends the next response and returns its content. */
function send(deliveries: TestDeliveries, nonce: string, version: string | undefined): string | undefined {
  const set = createResourceSet(version === undefined ? [] : [resource('a', version)]);
  deliveries.nextNonce = nonce;
  const frame = deliveries.take(set, 0, false);
  return frame && deliveries.contents.get(frame.nonce);
}

suite('deliveries of one stream', () => {
  test('NACK on another stream of the same node: this stream still restores its acknowledged version', () => {
    const memory = createRefusalMemory({ entries: 10, ttlMs: 1_000 });
    const [one, two] = [deliveriesOf(memory), deliveriesOf(memory)];
    one.tracked.requireReply('a');
    assert.equal(send(one, '1', '1'), '1');
    one.applyAck('1', undefined, 0);
    two.tracked.requireReply('a');
    assert.equal(send(two, '2', '1'), '1');
    two.applyAck('2', refused, 0);
    one.tracked.recheck('a');
    assert.equal(send(one, '3', '3'), '3');
    one.applyAck('3', refused, 0);
    assert.equal(send(one, '4', '3'), '1');
  });

  test('rejected versions above the limit: the oldest is forgotten and sent once more', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    deliveries.tracked.requireReply('a');
    for (let version = 1; version <= 17; version += 1) {
      assert.equal(send(deliveries, String(version), String(version)), String(version));
      deliveries.applyAck(String(version), refused, 0);
      deliveries.tracked.recheck('a');
    }
    assert.equal(send(deliveries, 'x', '2'), undefined);
    deliveries.tracked.recheck('a');
    assert.equal(send(deliveries, 'x', '1'), '1');
  });

  test('client without ACKs: the oldest responses are forgotten, and their ACKs are stale', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    for (let nonce = 0; nonce < 100; nonce += 1) {
      deliveries.tracked.requireReply('a');
      assert.equal(send(deliveries, String(nonce), '1'), '1');
    }
    assert.equal(deliveries.applyAck('0', undefined, 0), false);
    assert.equal(deliveries.applyAck('99', undefined, 0), true);
    assert.equal(deliveries.applyAck('99', undefined, 0), false);
  });

  test('responses without an answer: their names count until the ACK, or until they are forgotten', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    assert.equal(deliveries.unansweredBytes, 0);
    const counts = Array.from({ length: 100 }, (_, nonce) => {
      deliveries.tracked.requireReply('a');
      send(deliveries, String(nonce), nonce % 2 === 0 ? '1' : undefined);
      return deliveries.unansweredBytes;
    });
    const [one = 0, two = 0] = counts;
    assert.ok(one > 0 && two > one);
    // At most 66 of one name are kept.
    assert.equal(counts.at(-1), 33 * two);
    assert.equal(Math.max(...counts), 33 * two);
    for (let nonce = 0; nonce < 100; nonce += 1) deliveries.applyAck(String(nonce), undefined, 0);
    assert.equal(deliveries.unansweredBytes, 0);
  });

  test('name covered by a wildcard only: is forgotten when the client acknowledges its removal', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }), false);
    deliveries.tracked.recheck('a');
    assert.equal(send(deliveries, '1', '1'), '1');
    deliveries.applyAck('1', undefined, 0);
    deliveries.tracked.recheck('a');
    assert.equal(send(deliveries, '2', undefined), 'removed');
    assert.equal(deliveries.tracked.has('a'), true);
    deliveries.applyAck('2', undefined, 0);
    assert.equal(deliveries.tracked.has('a'), false);
  });

  test('response with a resource and a removal: both are acknowledged, the resource first', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }), false);
    for (const name of ['gone', 'a']) deliveries.tracked.requireReply(name);
    assert.equal(send(deliveries, '1', '1'), 'removed,1');
    deliveries.applyAck('1', undefined, 0);
    assert.deepEqual(deliveries.acked, ['a', 'gone']);
  });

  test('client that subscribes again and again and acknowledges nothing: encoded messages are not kept', async () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    const set = createResourceSet([resource('a', '1')]);
    for (let count = 1; count <= 50; count += 1) {
      deliveries.tracked.requireReply('a');
      deliveries.nextNonce = String(count);
      assert.notEqual(deliveries.take(set, 0, false), undefined);
    }
    // Weak references keep their objects until the next turn.
    await nextTurn();
    collectGarbage();
    const kept = deliveries.encoded.filter((message) => message.deref() !== undefined);
    assert.ok(kept.length <= 4, `${kept.length} of 50 messages are in memory`);
  });

  test('change that waits for an ACK while its resource set is deleted: there is no wakeAt', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    deliveries.tracked.requireReply('a');
    assert.equal(send(deliveries, '1', '1'), '1');
    deliveries.tracked.recheck('a');
    assert.equal(send(deliveries, '2', '2'), undefined);
    assert.equal(deliveries.wakeAt, 5_000);
    assert.equal(deliveries.take(undefined, 1, false), undefined);
    assert.equal(deliveries.wakeAt, undefined);
  });

  test('change that waits for an ACK: wakeAt is the end of the ACK timeout', () => {
    const deliveries = deliveriesOf(createRefusalMemory({ entries: 10, ttlMs: 1_000 }));
    deliveries.tracked.requireReply('a');
    assert.equal(send(deliveries, '1', '1'), '1');
    assert.equal(deliveries.wakeAt, undefined);
    deliveries.tracked.recheck('a');
    assert.equal(send(deliveries, '2', '2'), undefined);
    assert.equal(deliveries.wakeAt, 5_000);
    deliveries.applyAck('1', undefined, 0);
    assert.equal(send(deliveries, '2', '2'), '2');
    assert.equal(deliveries.wakeAt, undefined);
  });
});
