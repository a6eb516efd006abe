import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentAny, presentRollout } from '../../src/api/present-fleet.ts';
import { returnWithinMs } from '../../src/fleet/assess.ts';
import type { GoneLimits } from '../../src/fleet/gone-list.ts';
import { assessRollout } from '../../src/fleet/rollout.ts';
import { mergeLooks } from '../../src/fleet/fleet.ts';
import { countUnlisted, mostKnown, unlistedWithout } from '../../src/fleet/unlisted.ts';
import { scene, statesOf, streamOf } from './scene.ts';

const hour = 3_600_000;

/** A fleet whose meshes `default` and `other` are served `v2`, and before it `v1`. */
function leaving(limits?: Partial<GoneLimits>) {
  const all = scene(limits);
  const publish = (version: string) => {
    all.publish(new Map([...statesOf({ ALL: version }), ...statesOf({ ALL: version }, 'other')]));
  };
  publish('v1');
  publish('v2');
  let id = 0;
  /** Proxies come, acknowledge a version and leave. */
  const leave = (count: number, version: string, mesh = 'default', node?: string) => {
    for (let left = 0; left < count; left += 1) {
      id += 1;
      const proxy = streamOf(id, node ?? `${version}-${left}`, mesh);
      all.asks(proxy);
      all.quotes(proxy, version);
      all.leaves(proxy);
    }
    all.pass(returnWithinMs);
  };
  const rollout = (mesh = 'default') => {
    const found = assessRollout(all.look(mesh), all.history, { mesh, mostLagging: 0, now: all.now() });
    assert.ok(found);
    return found;
  };
  const unlisted = (mesh?: string): number => rollout(mesh).unlisted.count;
  /** Returns the listed proxies that lack the served version, as a rotation asks for them. */
  const behind = (mesh = 'default') =>
    [...all.look(mesh).gone]
      .map((gone) => presentAny(gone, { history: all.history, now: all.now() }))
      .filter(({ version, servedVersion }) => version === undefined || version !== servedVersion)
      .map(({ node }) => node);
  return { ...all, publish, leave, rollout, unlisted, behind };
}

suite('more proxies that left than are listed', () => {
  test('a whole fleet restarts in sync → those that are behind stay in the list, and nothing is unknown', () => {
    const { leave, pass, behind, unlisted } = leaving();
    leave(5, 'v1');
    pass(hour / 2);
    leave(1_000, 'v2');
    assert.deepEqual(behind(), ['v1-0', 'v1-1', 'v1-2', 'v1-3', 'v1-4']);
    assert.equal(unlisted(), 0);
  });

  test('another version is served → those that left with the version before it count', () => {
    const { leave, publish, unlisted } = leaving({ entries: 2 });
    leave(5, 'v2');
    assert.equal(unlisted(), 0);
    publish('v3');
    assert.equal(unlisted(), 3);
    publish('v2');
    assert.equal(unlisted(), 0);
  });

  test('the others are behind as well → are counted for an hour after they left', () => {
    const { leave, pass, behind, unlisted, rollout } = leaving({ entries: 2 });
    leave(5, 'v1');
    assert.deepEqual([behind(), unlisted()], [['v1-3', 'v1-4'], 3]);
    assert.notEqual(rollout().convergedAt, undefined);
    pass(hour - returnWithinMs - 1);
    assert.equal(unlisted(), 3);
    pass(1);
    assert.deepEqual([behind(), unlisted()], [[], 0]);
  });

  test('some of them return → only the others are counted, also if one leaves again', () => {
    const { leave, asks, quotes, leaves, pass, behind, unlisted } = leaving({ entries: 2 });
    leave(5, 'v1');
    const back = streamOf(900, 'v1-0');
    asks(back);
    quotes(back, 'v2');
    assert.deepEqual([behind(), unlisted()], [['v1-3', 'v1-4'], 2]);
    // It has the served version, so it is not one of those that may lack it.
    leaves(back);
    pass(returnWithinMs);
    assert.equal(unlisted(), 2);
    const other = streamOf(901, 'v1-1');
    asks(other);
    assert.equal(unlisted(), 1);
    // A proxy of the same name in another mesh is another proxy.
    asks(streamOf(902, 'v1-2', 'other'));
    assert.equal(unlisted(), 1);
    asks(streamOf(903, 'v1-2'));
    assert.equal(unlisted(), 0);
  });

  test('proxies of another mesh take the place → are counted for their own mesh only', () => {
    const { leave, behind, unlisted } = leaving({ entries: 2 });
    leave(2, 'v1');
    leave(2, 'v1', 'other');
    assert.deepEqual([behind(), unlisted(), unlisted('other')], [[], 2, 0]);
  });

  test('a proxy without a node id, which no list has → is counted if it has acknowledged anything', () => {
    const { leave, asks, leaves, unlisted } = leaving();
    leave(1, 'v2', 'default', '');
    const tool = streamOf(900, '');
    asks(tool);
    leaves(tool);
    assert.equal(unlisted(), 0);
    leave(1, 'v1', 'default', '');
    assert.equal(unlisted(), 1);
  });

  test('a lost proxy of which only the number was kept → is counted once no roll-out waits for it', () => {
    const { asks, quotes, leaves, pass, rollout, behind } = leaving({ counted: 1, entries: 1 });
    for (const id of [1, 2, 3]) {
      const proxy = streamOf(id);
      asks(proxy);
      quotes(proxy, 'v2');
      leaves(proxy, 'silence');
    }
    assert.equal(rollout().forgotten, 2);
    pass(hour / 2);
    // One of the two has a place in the list.
    const { forgotten, unlisted } = rollout();
    assert.deepEqual([forgotten, behind(), unlisted.count], [0, ['node-2'], 1]);
  });

  test('API: says how many, and when the last of them left', () => {
    const { leave, rollout, now } = leaving({ entries: 0 });
    leave(2, 'v1');
    assert.deepEqual(presentRollout(rollout(), now()).unlisted, {
      proxies: 2,
      lastDisconnectedAt: new Date(now() - returnWithinMs).toISOString(),
    });
  });
});

suite('proxies that are not listed, of several workers', () => {
  const [node, mesh] = ['p', 'default'];
  /** What a worker knows whose list dropped the proxy, and what another one knows. */
  const looks = (second: ReturnType<typeof leaving>) => {
    const first = leaving({ entries: 0 });
    first.leave(2, 'v1', mesh, node);
    first.leave(1, 'v1', mesh, 'q');
    return mergeLooks([first.look(mesh), second.look(mesh)]).unlisted;
  };

  test('it returned to another worker, or left that one too → counts at most once', () => {
    const second = leaving();
    const count = (): number => unlistedWithout(looks(second), mesh, 'v2').count;
    assert.equal(count(), 2);
    const stream = streamOf(900, node, mesh);
    second.asks(stream);
    assert.equal(count(), 1);
    second.leaves(stream);
    assert.equal(count(), 1);
  });

  test('lists of two workers dropped it → it counts once, with what it had last', () => {
    const second = leaving({ entries: 0 });
    second.pass(hour);
    second.leave(1, 'v2', mesh, node);
    const rows = looks(second);
    assert.equal(unlistedWithout(rows, mesh, 'v2').count, 1);
    assert.equal(unlistedWithout(rows, mesh, 'v3').count, 2);
  });
});

suite('number of proxies that are not listed', () => {
  const row = { mesh: 'm', version: 'v', count: 1, lastAt: 0 };

  test('more meshes than are kept apart → the others may be of any mesh, with any version', () => {
    const counts = countUnlisted(hour);
    for (let mesh = 0; mesh < 3_000; mesh += 1) counts.add({ ...row, mesh: `mesh-${mesh}` });
    assert.equal(counts.list(0).length, 1_001);
    assert.equal(unlistedWithout(counts.list(0), 'another', 'v').count, 2_000);
    counts.add({ ...row, mesh: 'late', lastAt: hour });
    assert.deepEqual(counts.list(hour), [{ ...row, mesh: 'late', lastAt: hour }]);
  });

  test('more proxies than are recognised → the others are counted until the end', () => {
    const counts = countUnlisted(hour);
    const name = (index: number) => ({ mesh: 'm', node: `node-${index}` });
    for (let index = 0; index <= mostKnown; index += 1) counts.add(row, name(index));
    for (let index = 0; index <= mostKnown; index += 1) counts.take(name(index));
    assert.deepEqual(counts.list(0), [row]);
    // Those that returned have given their places up.
    counts.add(row, name(0));
    counts.take(name(0));
    assert.deepEqual(counts.list(0), [row]);
    assert.deepEqual(counts.list(hour), []);
  });

  test('proxies that left more than an hour before the last one → no longer count', () => {
    const counts = countUnlisted(hour);
    counts.add({ ...row, count: 5 });
    counts.add({ ...row, lastAt: hour });
    assert.deepEqual(counts.list(hour), [{ ...row, lastAt: hour }]);
  });
});
