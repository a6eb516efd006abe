import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PollPlan } from '../../src/fleet/poll-plan.ts';
import { assessRollout } from '../../src/fleet/rollout.ts';
import type { Rollout } from '../../src/fleet/rollout.ts';
import { scene, statesOf, streamOf } from './scene.ts';

const proxy = streamOf(1, 'a');

/** Returns roll-outs of the mesh `default` in which its proxy is behind, and in which it has the version. */
function rollouts(): { readonly pending: Rollout; readonly done: Rollout } {
  const { asks, sent, acks, history, look, now, publish } = scene();
  const assess = (): Rollout => {
    const rollout = assessRollout(look(), history, { mesh: 'default', mostLagging: 20, now: now() });
    assert.ok(rollout);
    return rollout;
  };
  asks(proxy);
  publish(statesOf({ ALL: 'v1' }));
  sent(proxy, 'v1');
  const pending = assess();
  acks(proxy, 'v1');
  return { pending, done: assess() };
}

const { pending, done } = rollouts();

suite('plan of the polls', () => {
  const delays: readonly [name: string, delay: (plan: PollPlan) => number | undefined, expected: unknown][] =
    [
      ['nothing to follow: no poll', (plan) => plan.next(0), undefined],
      ['a change of no mesh: no poll', (plan) => plan.changed([], 0), undefined],
      ['a change: the first poll comes after a pause', (plan) => plan.changed(['default'], 0), 250],
      ['a client begins to watch: a poll at once', (plan) => plan.watched(true, 0), 0],
      ['a client watches and another begins: no further poll', (plan) => again(plan, true), undefined],
      ['the last client leaves: no further poll', (plan) => again(plan, false), undefined],
      ['less than 10 s after a change: fast', (plan) => afterChange(plan, 9_999), 250],
      ['10 s after a change: slow', (plan) => afterChange(plan, 10_000), 2_000],
      ['a client began to watch just now: fast', (plan) => watchedLater(plan), 250],
      ['the roll-out has ended: no poll', (plan) => ended(plan), undefined],
    ];
  for (const [name, delay, expected] of delays)
    test(`delay: ${name}`, () => assert.equal(delay(new PollPlan()), expected));

  test('meshes: those with a roll-out, and all while a client watches', () => {
    const plan = new PollPlan();
    plan.changed(['default'], 0);
    assert.deepEqual(plan.meshes(['default', 'other']), ['default']);
    plan.watched(true, 0);
    assert.deepEqual(plan.meshes(['default', 'other']), ['default', 'other']);
    plan.watched(false, 0);
    assert.deepEqual(plan.meshes(['default', 'other']), ['default']);
  });

  test('result of a poll: a roll-out ends once, and only if it was in progress', () => {
    const plan = new PollPlan();
    assert.equal(plan.see(done).ends, false);
    plan.changed(['default'], 0);
    assert.equal(plan.see(pending).ends, false);
    assert.equal(plan.isUnderWay('default'), true);
    assert.equal(plan.see(done).ends, true);
    assert.equal(plan.isUnderWay('default'), false);
    assert.equal(plan.see(done).ends, false);
  });

  test('result of a poll: it is news only while a client watches, and only if it differs from the last', () => {
    const plan = new PollPlan();
    assert.equal(plan.see(pending).isNews, false);
    plan.watched(true, 0);
    assert.equal(plan.see(pending).isNews, true);
    assert.equal(plan.see(pending).isNews, false);
    assert.equal(plan.see({ ...pending, complete: false }).isNews, true);
    const versions = pending.versions.map((one) => ({ ...one, proxies: one.proxies + 1 }));
    assert.equal(plan.see({ ...pending, complete: false, versions }).isNews, true);
    const unlisted = { count: 1, lastAt: 0 };
    assert.equal(plan.see({ ...pending, complete: false, versions, unlisted }).isNews, true);
    assert.equal(plan.see(done).isNews, true);
  });
});

function again(plan: PollPlan, isWatched: boolean): number | undefined {
  plan.watched(true, 0);
  return plan.watched(isWatched, 1);
}

function afterChange(plan: PollPlan, milliseconds: number): number | undefined {
  plan.changed(['default'], 5);
  return plan.next(5 + milliseconds);
}

function watchedLater(plan: PollPlan): number | undefined {
  plan.changed(['default'], 0);
  plan.watched(true, 20_000);
  return plan.next(20_001);
}

function ended(plan: PollPlan): number | undefined {
  plan.changed(['default'], 0);
  plan.see(done);
  return plan.next(1);
}
