import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createOrphans } from '../../../src/frontend/workers/orphans.ts';
import { returnWithinMs } from '../../../src/fleet/assess.ts';
import { mergeLooks } from '../../../src/fleet/fleet.ts';
import { assessRollout } from '../../../src/fleet/rollout.ts';
import type { GoneLimits } from '../../../src/fleet/gone-list.ts';
import { createCensus, createRoster } from '../../../src/frontend/workers/roster.ts';
import { scene, statesOf, streamOf } from '../../fleet/scene.ts';

const windowMs = 60_000;
const a = streamOf(1, 'a');

type Worker = ReturnType<typeof scene>;

/** A worker and the parent's roster of it. */
function reporting(limits?: Partial<GoneLimits>) {
  const worker = scene(limits, windowMs);
  const roster = createRoster();
  const census = createCensus(worker.tracker);
  // Cloned as a channel does: later changes in the worker do not reach the parent.
  const report = () => roster.apply(structuredClone(census(worker.now())));
  return { ...worker, roster, report };
}

/** Two workers, of which the first died with its proxies. */
function died(first: (worker: Worker) => void = ({ asks }) => asks(a), limits?: Partial<GoneLimits>) {
  const dead = reporting(limits);
  dead.publish(statesOf({ ALL: 'v1' }));
  first(dead);
  dead.report();
  const worker = scene();
  worker.pass(dead.now() - worker.now());
  const orphans = createOrphans(worker.now, windowMs);
  worker.publish(statesOf({ ALL: 'v1' }));
  orphans.add(dead.roster);
  const rollout = () => {
    const look = mergeLooks([worker.look(), orphans.look()]);
    const found = assessRollout(look, worker.history, { mesh: 'default', mostLagging: 9, now: worker.now() });
    assert.ok(found);
    return found;
  };
  return { ...worker, orphans, rollout };
}

suite('proxy of a worker that died', () => {
  test('time passes: is reconnecting, then lost, then given up; its version is unknown', () => {
    const { rollout, pass, orphans } = died();
    const { states, convergedAt, lagging } = rollout();
    assert.deepEqual([states.reconnecting, convergedAt], [1, undefined]);
    assert.deepEqual(
      lagging.map(({ proxy, held }) => [proxy.node, held]),
      [['a', undefined]],
    );
    pass(returnWithinMs);
    assert.equal(rollout().states.lost, 1);
    assert.deepEqual([orphans.count('default'), orphans.count('other')], [1, 0]);
    pass(windowMs - returnWithinMs);
    assert.equal(orphans.count('default'), 0);
    assert.notEqual(rollout().convergedAt, undefined);
    assert.equal(orphans.hasAny(), false);
  });

  test('is connected to another worker → is not lost, and stays accounted for when it disconnects there', () => {
    const { asks, quotes, leaves, rollout, orphans, pass } = died();
    asks(a);
    quotes(a, 'v1');
    assert.notEqual(rollout().convergedAt, undefined);
    orphans.back([{ mesh: 'default', node: 'a' }]);
    leaves(a);
    pass(1);
    assert.notEqual(rollout().convergedAt, undefined);
  });

  test('another server has it → is not lost', () => {
    const { rollout, orphans, now } = died();
    orphans.release([{ mesh: 'default', node: 'a', goneAt: now() }]);
    assert.deepEqual([rollout().states.reconnecting, orphans.hasAny()], [0, false]);
  });

  test('another mesh is looked at → is not listed', () => {
    const { orphans } = died();
    assert.deepEqual([...orphans.look('other').gone], []);
    assert.equal([...orphans.look('default').gone].length, 1);
  });
});

suite('proxy that had left a worker when it died', () => {
  const left = ({ asks, quotes, leaves, pass }: Worker) => {
    asks(a);
    quotes(a, 'v1');
    leaves(a);
    pass(returnWithinMs);
  };

  test('the worker dies: is counted by the version that it had, for an hour after it left', () => {
    const { rollout, publish, pass } = died(left);
    assert.equal(rollout().unlisted.count, 0);
    publish(statesOf({ ALL: 'v2' }));
    assert.deepEqual([rollout().unlisted.count, rollout().convergedAt !== undefined], [1, true]);
    pass(3_600_000 - returnWithinMs - 1);
    assert.equal(rollout().unlisted.count, 1);
    pass(1);
    assert.equal(rollout().unlisted.count, 0);
  });

  test('had no place in the list of the worker → is counted as well', () => {
    const many = (worker: Worker) => {
      for (const id of [11, 12, 13]) {
        const proxy = streamOf(id);
        worker.asks(proxy);
        worker.quotes(proxy, 'v0');
        worker.leaves(proxy);
      }
      worker.pass(returnWithinMs);
    };
    assert.equal(died(many, { entries: 1 }).rollout().unlisted.count, 3);
  });
});

suite('proxy that a worker had lost when it died', () => {
  /** `a` has `v1` and its connection breaks; then `v2` is served. */
  const lost = ({ asks, quotes, leaves, pass }: Worker) => {
    asks(a);
    quotes(a, 'v1');
    leaves(a, 'silence');
    pass(20_000);
  };
  const afterChange = (first = lost, limits?: Partial<GoneLimits>) => {
    const all = died(first, limits);
    all.publish(statesOf({ ALL: 'v2' }));
    return all;
  };

  test('the worker dies: stays lost, with its name, its time and the version that it acknowledged', () => {
    const { rollout, now } = afterChange();
    const { states, convergedAt, lagging } = rollout();
    assert.deepEqual([states.lost, convergedAt], [1, undefined]);
    assert.deepEqual(
      lagging.map(({ proxy, held, state }) => [proxy.node, state, held?.version]),
      [['a', 'lost', 'v1']],
    );
    const [{ proxy } = { proxy: undefined }] = lagging;
    assert.equal(proxy !== undefined && 'goneAt' in proxy && proxy.goneAt, now() - 20_000);
  });

  test('its lost window passes → is given up, although the worker ended later', () => {
    const { rollout, pass, orphans } = afterChange();
    pass(windowMs - 20_000 - 1);
    assert.equal(rollout().states.lost, 1);
    pass(1);
    assert.deepEqual([rollout().states.lost, orphans.hasAny()], [0, false]);
  });

  test('had everything → no rollout waits for it, until something else is served', () => {
    const { rollout, publish } = died(lost);
    assert.notEqual(rollout().convergedAt, undefined);
    publish(statesOf({ ALL: 'v2' }));
    assert.equal(rollout().states.lost, 1);
  });

  test('closed its connection a moment ago → is reconnecting', () => {
    const { rollout } = afterChange(({ asks, quotes, leaves }) => {
      asks(a);
      quotes(a, 'v1');
      leaves(a);
    });
    assert.equal(rollout().states.reconnecting, 1);
  });

  test('comes back to another worker → is not lost', () => {
    const { rollout, orphans, asks, quotes } = afterChange();
    asks(a);
    quotes(a, 'v2');
    orphans.back([{ mesh: 'default', node: 'a' }]);
    assert.notEqual(rollout().convergedAt, undefined);
    assert.equal(orphans.hasAny(), false);
  });

  test('without a node id → each stays lost', () => {
    const { rollout } = afterChange(({ asks, leaves }) => {
      for (const nameless of [streamOf(1, ''), streamOf(2, '')]) {
        asks(nameless);
        leaves(nameless, 'silence');
      }
    });
    assert.equal(rollout().states.lost, 2);
  });

  test('more than the worker keeps → the others are still counted, until their window has passed', () => {
    const { rollout, pass, orphans } = afterChange(
      ({ asks, leaves }) => {
        for (const proxy of [a, streamOf(2, 'b'), streamOf(3, 'c')]) {
          asks(proxy);
          leaves(proxy, 'silence');
        }
      },
      { counted: 1 },
    );
    assert.deepEqual([rollout().states.lost, rollout().forgotten], [1, 2]);
    pass(windowMs);
    assert.deepEqual([rollout().forgotten, orphans.hasAny()], [0, false]);
  });

  test('second worker that lost it later dies → is one proxy, with the later time', () => {
    const { rollout, orphans, now } = afterChange();
    const second = reporting();
    second.pass(now() - second.now());
    second.asks(a);
    second.leaves(a, 'silence');
    second.report();
    orphans.add(second.roster);
    const { lagging } = rollout();
    assert.deepEqual(
      lagging.map(({ proxy }) => 'goneAt' in proxy && proxy.goneAt),
      [now()],
    );
  });
});

suite('roster of a worker', () => {
  const goneOf = ({ roster }: ReturnType<typeof reporting>) =>
    [...roster.gone()].map(({ node, goneAt }) => [node, goneAt]);

  test('proxies connect, disconnect, return and disconnect again → the roster follows', () => {
    const worker = reporting();
    const { asks, quotes, leaves, report, roster, pass, now } = worker;
    asks(a);
    quotes(a, 'v1');
    report();
    assert.deepEqual([...roster.connected()], [{ mesh: 'default', node: 'a' }]);
    leaves(a, 'silence');
    report();
    assert.deepEqual([[...roster.connected()], goneOf(worker)], [[], [['a', now()]]]);
    pass(10);
    const again = streamOf(2, 'a');
    asks(again);
    leaves(again, 'silence');
    report();
    assert.deepEqual(goneOf(worker), [['a', now()]]);
    asks(streamOf(3, 'a'));
    report();
    assert.deepEqual(goneOf(worker), []);
  });

  test('another server has a lost proxy: the proxy is dropped, unless it was lost again since', () => {
    const worker = reporting();
    const { asks, leaves, report, roster, now } = worker;
    asks(a);
    leaves(a, 'silence');
    report();
    roster.release([{ mesh: 'default', node: 'a', goneAt: now() - 1 }]);
    assert.equal(goneOf(worker).length, 1);
    roster.release([{ mesh: 'default', node: 'a', goneAt: now() }]);
    assert.deepEqual(goneOf(worker), []);
  });
});
