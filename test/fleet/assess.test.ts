import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assess, staleAfterMs } from '../../src/fleet/assess.ts';
import { assessRollout, countStates } from '../../src/fleet/rollout.ts';
import { scene, statesOf, streamOf } from './scene.ts';

/** Returns a scene with a function that returns the states by node id. */
function watched() {
  const all = scene();
  const states = () =>
    Object.fromEntries(
      [...all.tracker.connected()].map((proxy) => [proxy.node, assess(proxy, all.history, all.now()).state]),
    );
  const rollout = (version?: string, mesh = 'default') =>
    assessRollout(all.look(mesh), all.history, {
      mesh,
      version,
      mostLagging: 2,
      now: all.now(),
    });
  return { ...all, states, rollout };
}

const a = streamOf(1, 'a');

suite('state of a proxy', () => {
  test('first request: pending until the acknowledgement, then synced', () => {
    const { publish, asks, sent, acks, states } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    assert.deepEqual(states(), { a: 'pending' });
    sent(a, 'v1');
    assert.deepEqual(states(), { a: 'pending' });
    acks(a, 'v1');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('new version is served: pending before anything is sent', () => {
    const { publish, asks, quotes, states } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    quotes(a, 'v1');
    assert.deepEqual(states(), { a: 'synced' });
    publish(statesOf({ ALL: 'v2' }));
    assert.deepEqual(states(), { a: 'pending' });
  });

  test('no acknowledgement for 30 s: stale, counted from the change or its connection', () => {
    const { publish, asks, quotes, states, pass } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    quotes(a, 'v1');
    pass(staleAfterMs);
    publish(statesOf({ ALL: 'v2' }));
    pass(staleAfterMs - 1);
    asks(streamOf(2, 'b'));
    assert.deepEqual(states(), { a: 'pending', b: 'pending' });
    pass(1);
    assert.deepEqual(states(), { a: 'stale', b: 'pending' });
  });

  test('NACK: refused, even if the proxy acknowledges the same bytes later, until a new version is served', () => {
    const { publish, asks, sent, acks, refuses, states } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    sent(a, 'v1');
    acks(a, 'v1');
    publish(statesOf({ ALL: 'v2' }));
    sent(a, 'v2');
    refuses(a, 'v2');
    assert.deepEqual(states(), { a: 'refused' });
    sent(a, 'v1');
    acks(a, 'v1');
    assert.deepEqual(states(), { a: 'refused' });
    acks(a, 'v2', 'ALL', true);
    assert.deepEqual(states(), { a: 'refused' });
    publish(statesOf({ ALL: 'v3' }));
    assert.deepEqual(states(), { a: 'pending' });
    sent(a, 'v3');
    acks(a, 'v3');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('NACK of the previous version too: still refused', () => {
    const { publish, asks, sent, acks, refuses, states } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    sent(a, 'v1');
    acks(a, 'v1');
    publish(statesOf({ ALL: 'v2' }));
    refuses(a, 'v2');
    refuses(a, 'v1');
    assert.deepEqual(states(), { a: 'refused' });
    publish(statesOf({ ALL: 'v1' }));
    assert.deepEqual(states(), { a: 'refused' });
    acks(a, 'v1');
    assert.deepEqual(states(), { a: 'synced' });
    publish(statesOf({ ALL: 'v2' }));
    assert.deepEqual(states(), { a: 'refused' });
  });

  test('new stream after a NACK: refused, whatever version it quotes, and synced once it accepts the bytes', () => {
    const { publish, asks, sent, refuses, quotes, leaves, acks, states } = watched();
    publish(statesOf({ ALL: 'v2' }));
    asks(a);
    sent(a, 'v2');
    refuses(a, 'v2');
    leaves(a);
    const again = streamOf(2, 'a');
    asks(again);
    assert.deepEqual(states(), { a: 'refused' });
    quotes(again, 'v2', 'ALL', true);
    assert.deepEqual(states(), { a: 'refused' });
    sent(again, 'v2');
    acks(again, 'v2');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('stream that subscribed to the rejected name ends: no longer refused', () => {
    const { publish, asks, quotes, sent, refuses, leaves, states } = watched();
    const other = streamOf(2, 'a');
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x1' }));
    asks(a);
    quotes(a, 'v1');
    asks(other);
    sent(other, 'x1', 'spiffe://x.test');
    refuses(other, 'x1', 'no', 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'refused' });
    leaves(other);
    assert.deepEqual(states(), { a: 'synced' });
    // It subscribes again, and is not sent the version that it rejected.
    const again = streamOf(3, 'a');
    asks(again);
    assert.deepEqual(states(), { a: 'refused' });
    quotes(again, 'x1', 'spiffe://x.test', true);
    assert.deepEqual(states(), { a: 'refused' });
  });

  test('proxy unsubscribes from a name: the name no longer counts', () => {
    const { publish, asks, quotes, drops, refuses, states } = watched();
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x1' }));
    asks(a);
    quotes(a, 'v1');
    quotes(a, 'x1', 'spiffe://x.test');
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x2' }));
    refuses(a, 'x2', 'no', 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'refused' });
    drops(a, 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('proxy unsubscribes while a response is on its way, and acknowledges it: the name no longer counts', () => {
    const { publish, asks, quotes, sent, drops, acks, states, rollout } = watched();
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x1' }));
    asks(a);
    quotes(a, 'v1');
    quotes(a, 'x1', 'spiffe://x.test');
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x2' }));
    sent(a, 'x2', 'spiffe://x.test');
    drops(a, 'spiffe://x.test');
    acks(a, 'x2', 'spiffe://x.test');
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x3' }));
    assert.deepEqual(states(), { a: 'synced' });
    assert.notEqual(rollout()?.convergedAt, undefined);
  });

  test('removal after a NACK, so that the proxy can start: still refused once it is acknowledged', () => {
    const { publish, asks, sent, refuses, removed, acks, states, rollout } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    sent(a, 'v1');
    refuses(a, 'v1');
    removed(a);
    acks(a, undefined);
    assert.deepEqual(states(), { a: 'refused' });
    assert.equal(rollout()?.convergedAt, undefined);
    publish(statesOf({ ALL: 'v2' }));
    assert.deepEqual(states(), { a: 'pending' });
    sent(a, 'v2');
    acks(a, 'v2');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('change is taken back while it is on its way: pending until the proxy acknowledges what is served', () => {
    const { publish, asks, quotes, sent, acks, states, rollout } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    quotes(a, 'v1');
    publish(statesOf({ ALL: 'v2' }));
    sent(a, 'v2', 'ALL', '2');
    publish(statesOf({ ALL: 'v1' }));
    // The last version that the proxy acknowledged is served, but it may apply the other one.
    assert.deepEqual(states(), { a: 'pending' });
    assert.equal(rollout()?.convergedAt, undefined);
    sent(a, 'v1', 'ALL', '3');
    assert.deepEqual(states(), { a: 'pending' });
    acks(a, 'v2', 'ALL', false, '2');
    assert.deepEqual(states(), { a: 'pending' });
    acks(a, 'v1', 'ALL', false, '3');
    assert.deepEqual(states(), { a: 'synced' });
    assert.notEqual(rollout()?.convergedAt, undefined);
  });

  test('served version is sent again: stays synced', () => {
    const { publish, asks, quotes, sent, states } = watched();
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    quotes(a, 'v1');
    sent(a, 'v1', 'ALL', '2');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('one stream drops the rejected name and another subscribes to it: still refused', () => {
    const { publish, asks, sent, drops, refuses, states } = watched();
    const other = streamOf(2, 'a');
    publish(statesOf({ ALL: 'v1' }));
    for (const stream of [a, other]) {
      asks(stream);
      sent(stream, 'v1');
    }
    refuses(a, 'v1');
    drops(a);
    assert.deepEqual(states(), { a: 'refused' });
    drops(other);
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('mesh without a listed MeshTrust: synced once it acknowledged deny-all', () => {
    const { publish, asks, quotes, history, states } = watched();
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x1' }));
    asks(a);
    quotes(a, 'x1', 'spiffe://x.test');
    publish(statesOf({ ALL: 'v1' }));
    assert.deepEqual(states(), { a: 'pending' });
    const denied = history.versionOf(history.versions('default')?.[0], 'spiffe://x.test');
    assert.ok(denied, 'deny-all has a version');
    quotes(a, denied, 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('removal of a name is acknowledged: synced', () => {
    const { publish, asks, quotes, removed, acks, states } = watched();
    publish(statesOf({ ALL: 'v1', 'spiffe://x.test': 'x1' }));
    asks(a);
    quotes(a, 'v1');
    quotes(a, 'x1', 'spiffe://x.test');
    publish(statesOf({ ALL: 'v1' }));
    removed(a, 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'pending' });
    acks(a, undefined, 'spiffe://x.test');
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('several streams: the slowest decides', () => {
    const { publish, asks, quotes, leaves, states } = watched();
    const second = streamOf(2, 'a');
    publish(statesOf({ ALL: 'v1' }));
    asks(a);
    asks(second);
    quotes(a, 'v1');
    assert.deepEqual(states(), { a: 'pending' });
    leaves(second);
    assert.deepEqual(states(), { a: 'synced' });
  });

  test('no subscription to a secret: synced', () => {
    const { asks, states } = watched();
    asks(a, 'other');
    assert.deepEqual(states(), { a: 'synced' });
  });
});

suite('roll-out', () => {
  test('last proxy acknowledges: has converged at that time', () => {
    const { publish, asks, quotes, sent, acks, pass, rollout, now } = watched();
    const b = streamOf(2, 'b');
    publish(statesOf({ ALL: 'v1' }));
    for (const proxy of [a, b]) {
      asks(proxy);
      quotes(proxy, 'v1');
    }
    pass(1_000);
    const since = now() - 10;
    publish(statesOf({ ALL: 'v2' }), since);
    for (const proxy of [a, b]) sent(proxy, 'v2');
    pass(20);
    acks(a, 'v2');
    const half = rollout();
    assert.deepEqual(half?.states, { synced: 1, pending: 1, stale: 0, refused: 0, reconnecting: 0, lost: 0 });
    assert.equal(half.convergedAt, undefined);
    assert.deepEqual(
      half.lagging.map(({ proxy, state }) => [proxy.node, state]),
      [['b', 'pending']],
    );
    assert.deepEqual(
      half.versions.map(({ served, proxies }) => [served.version, proxies]),
      [
        ['v2', 1],
        ['v1', 1],
      ],
    );
    pass(30);
    acks(b, 'v2');
    const done = now();
    pass(5_000);
    const whole = rollout();
    assert.deepEqual([whole?.convergedAt, whole?.current.since, whole?.lagging], [done, since, []]);
  });

  test('earlier version requested: counts the proxies that have it or a later one', () => {
    const { publish, asks, quotes, rollout } = watched();
    const [b, c] = [streamOf(2, 'b'), streamOf(3, 'c')];
    publish(statesOf({ ALL: 'v1' }));
    for (const proxy of [a, b, c]) asks(proxy);
    quotes(a, 'v1');
    publish(statesOf({ ALL: 'v2' }));
    quotes(b, 'v2');
    publish(statesOf({ ALL: 'v3' }));
    quotes(c, 'v3');
    const asked = (version: string) => rollout(version)?.asked;
    assert.deepEqual(asked('v2'), { version: 'v2', known: true, has: 2, lacks: 1 });
    assert.deepEqual(asked('v1'), { version: 'v1', known: true, has: 3, lacks: 0 });
    assert.deepEqual(asked('v9'), { version: 'v9', known: false, has: 0, lacks: 0 });
    assert.deepEqual(
      rollout('v2')?.lagging.map(({ proxy }) => proxy.node),
      ['a'],
    );
  });

  test('mesh that never had a listed MeshTrust: undefined', () => {
    const { asks, rollout } = watched();
    asks(streamOf(1, 'a', 'other'));
    assert.equal(rollout(undefined, 'other'), undefined);
  });

  test('mostLagging: limits the lagging proxies that are named', () => {
    const { publish, asks, rollout } = watched();
    publish(statesOf({ ALL: 'v1' }));
    for (let id = 1; id <= 5; id += 1) asks(streamOf(id));
    assert.deepEqual([rollout()?.connected, rollout()?.lagging.length], [5, 2]);
  });

  test('counts: by mesh, each stream without a node id separately', () => {
    const { publish, asks, quotes, look, history, now } = watched();
    publish(statesOf({ ALL: 'v1' }));
    for (const stream of [streamOf(1, ''), streamOf(2, ''), streamOf(3, 'x', 'other')]) {
      asks(stream);
      quotes(stream, 'v1');
    }
    assert.deepEqual(
      [...countStates(look(), history, now())],
      [
        ['default', { synced: 2, pending: 0, stale: 0, refused: 0, reconnecting: 0, lost: 0 }],
        ['other', { synced: 0, pending: 1, stale: 0, refused: 0, reconnecting: 0, lost: 0 }],
      ],
    );
  });
});
