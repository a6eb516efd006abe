import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOrphans } from '../../../src/frontend/workers/orphans.ts';
import { returnWithinMs } from '../../../src/fleet/assess.ts';
import { mergeLooks } from '../../../src/fleet/fleet.ts';
import { assessRollout } from '../../../src/fleet/rollout.ts';
import { scene, statesOf, streamOf } from '../../fleet/scene.ts';

const windowMs = 60_000;
const a = streamOf(1, 'a');

/** A worker is left, and another died that had proxy `a`. */
function died() {
  const worker = scene();
  const orphans = createOrphans(worker.now, windowMs);
  worker.publish(statesOf({ ALL: 'v1' }));
  orphans.add([{ mesh: 'default', node: 'a' }]);
  const rollout = () => {
    const look = mergeLooks([worker.look(), orphans.look()]);
    const found = assessRollout(look, worker.history, { mesh: 'default', mostLagging: 9, now: worker.now() });
    assert.ok(found);
    return found;
  };
  return { ...worker, orphans, rollout };
}

describe('proxy of a worker that died', () => {
  it('may be back at any moment, then is lost, then is given up; what it has is not known', () => {
    const { rollout, pass, orphans } = died();
    const { states, convergedAt, lagging } = rollout();
    assert.deepEqual([states.reconnecting, convergedAt], [1, undefined]);
    assert.deepEqual(
      lagging.map(({ proxy, held }) => [proxy.node, held]),
      [['a', undefined]],
    );
    pass(returnWithinMs);
    assert.equal(rollout().states.lost, 1);
    pass(windowMs - returnWithinMs);
    assert.notEqual(rollout().convergedAt, undefined);
    assert.equal(orphans.hasAny(), false);
  });

  it('is connected to another worker → is not lost, and stays accounted for when it leaves that', () => {
    const { asks, quotes, leaves, rollout, orphans, pass } = died();
    asks(a);
    quotes(a, 'v1');
    assert.notEqual(rollout().convergedAt, undefined);
    orphans.back([{ mesh: 'default', node: 'a' }]);
    leaves(a);
    pass(1);
    assert.notEqual(rollout().convergedAt, undefined);
  });

  it('another server has it → is not lost', () => {
    const { rollout, orphans, now } = died();
    orphans.release([{ mesh: 'default', node: 'a', goneAt: now() }]);
    assert.deepEqual([rollout().states.reconnecting, orphans.hasAny()], [0, false]);
  });

  it('is looked for in its mesh', () => {
    const { orphans } = died();
    assert.deepEqual([...orphans.look('other').gone], []);
    assert.equal([...orphans.look('default').gone].length, 1);
  });
});
