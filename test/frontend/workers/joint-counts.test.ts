import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createJointCounts } from '../../../src/frontend/workers/joint-counts.ts';
import type { WorkerCount } from '../../../src/frontend/workers/messages.ts';
import { localFleet, mergeLooks } from '../../../src/fleet/fleet.ts';
import { scene, statesOf, streamOf } from '../../fleet/scene.ts';

const a = streamOf(1, 'a');

/** Two workers. The first reports one lost proxy. */
function counted() {
  const [one, two] = [scene(), scene()];
  const states = statesOf({ ALL: 'v1' });
  for (const worker of [one, two]) worker.publish(states);
  const numbers = (connected: number, lost: number): ReadonlyMap<string, WorkerCount> =>
    new Map([['default', { version: 'v1', connected, acked: connected, lost }]]);
  let [complete, looks, forgotten, orphans, isFailing] = [true, 0, 0, 0, false];
  const joint = createJointCounts({
    counts: () => [numbers(0, 1), numbers(1, 0)],
    hasOrphans: () => orphans > 0,
    orphans: () => orphans,
    now: one.now,
    fleet: {
      ...localFleet(one.tracker, one.history),
      look: () => {
        looks += 1;
        if (isFailing) return Promise.reject(new Error('a worker is gone'));
        return Promise.resolve({ ...mergeLooks([one.look(), two.look()]), complete, forgotten });
      },
    },
  });
  one.asks(a);
  one.leaves(a, 'silence');
  return {
    two,
    joint,
    states,
    looks: () => looks,
    silence: () => void (complete = false),
    fail: (fails: boolean) => void (isFailing = fails),
    forget: (count: number) => void (forgotten = count),
    lose: (count: number) => void (orphans = count),
  };
}

suite('counts of workers', () => {
  test('proxy lost by one worker: counts as lost until the comparison by name finds it at another', async (t) => {
    const { two, joint, states } = counted();
    t.after(() => joint.close());
    two.asks(a);
    two.quotes(a, 'v1');
    joint.changed();
    await turn();
    assert.deepEqual(joint.of(states).get('default'), { connected: 1, acked: 1, lost: 0 });
  });

  test('comparison by name that is not done yet: the counts of the workers are added', async (t) => {
    const { joint, states } = counted();
    t.after(() => joint.close());
    joint.changed();
    assert.equal(joint.of(states).get('default')?.lost, 1);
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 1);
  });

  test('new counts during the comparison by name: the counts of the workers are added', async (t) => {
    const { two, joint, states } = counted();
    t.after(() => joint.close());
    two.asks(a);
    joint.changed();
    joint.changed();
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 1);
  });

  test('proxy connected to no worker: counts as lost', async (t) => {
    const { joint, states } = counted();
    t.after(() => joint.close());
    joint.changed();
    await turn();
    assert.deepEqual(joint.of(states).get('default'), { connected: 1, acked: 1, lost: 1 });
  });

  test('lost proxies beyond those that a worker keeps by name: count as lost', async (t) => {
    const { joint, states, forget } = counted();
    t.after(() => joint.close());
    forget(3);
    joint.changed();
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 4);
  });

  test('comparison by name that fails: the next one counts', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { two, joint, states, fail, looks } = counted();
    t.after(() => joint.close());
    fail(true);
    joint.changed();
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 1);
    fail(false);
    two.asks(a);
    two.quotes(a, 'v1');
    t.mock.timers.tick(1_000);
    await turn();
    assert.deepEqual([looks(), joint.of(states).get('default')?.lost], [2, 0]);
  });

  test('worker that died, while another one does not answer: its proxies count as lost', async (t) => {
    const { joint, states, silence, lose } = counted();
    t.after(() => joint.close());
    silence();
    lose(2);
    joint.changed();
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 3);
  });

  test('names not known yet: the counts of the workers are added', async (t) => {
    const { two, joint, states, silence } = counted();
    t.after(() => joint.close());
    silence();
    two.asks(a);
    joint.changed();
    await turn();
    assert.equal(joint.of(states).get('default')?.lost, 1);
  });
});
