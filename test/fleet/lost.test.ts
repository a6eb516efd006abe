import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assess, assessGone, heldVersion, returnWithinMs } from '../../src/fleet/assess.ts';
import { mergeLooks } from '../../src/fleet/fleet.ts';
import type { GoneLimits } from '../../src/fleet/gone-list.ts';
import { connectedOf, lostProxies } from '../../src/fleet/moved.ts';
import { assessRollout, countAcks, countStates } from '../../src/fleet/rollout.ts';
import { defaultLostWindowMs } from '../../src/fleet/track-fleet.ts';
import type { StreamInfo } from '../../src/xds/index.ts';
import { scene, statesOf, streamOf } from './scene.ts';

const [a, b] = [streamOf(1, 'a'), streamOf(2, 'b')];

/** Two proxies have `v1`. The mesh is served `v2`, which only `b` has. */
function behind(limits?: Partial<GoneLimits>, lostWindowMs?: number) {
  const all = scene(limits, lostWindowMs);
  all.publish(statesOf({ ALL: 'v1' }));
  for (const proxy of [a, b]) {
    all.asks(proxy);
    all.quotes(proxy, 'v1');
  }
  all.publish(statesOf({ ALL: 'v2' }));
  all.sent(b, 'v2');
  all.acks(b, 'v2');
  const rollout = (version?: string) => {
    const question = { mesh: 'default', version, mostLagging: 10, now: all.now() };
    const found = assessRollout(all.look('default'), all.history, question);
    assert.ok(found);
    return found;
  };
  /** Returns the states of the proxies without a connection. */
  const gone = () =>
    Object.fromEntries(
      [...all.tracker.gone()].map((one) => [one.node, assessGone(one, all.history, all.now())?.state]),
    );
  return { ...all, rollout, gone };
}

suite('proxy that is behind and whose connection broke', () => {
  test('during a rollout: is lost, with its name and its last acknowledged version, and the rollout has not converged', () => {
    const { leaves, rollout } = behind();
    leaves(a, 'silence');
    const { states, connected, convergedAt, lagging, asked, versions } = rollout();
    assert.deepEqual([states.lost, states.synced, connected, convergedAt], [1, 1, 1, undefined]);
    assert.deepEqual(
      lagging.map(({ proxy, state, held }) => [proxy.node, state, held?.version]),
      [['a', 'lost', 'v1']],
    );
    assert.deepEqual([asked.has, asked.lacks], [1, 1]);
    assert.deepEqual(
      versions.map(({ served, proxies }) => [served.version, proxies]),
      [
        ['v2', 1],
        ['v1', 1],
      ],
    );
  });

  test('version that it acknowledged → counts as present, as for a connected proxy', () => {
    const { leaves, rollout } = behind();
    leaves(a, 'silence');
    assert.deepEqual(rollout('v1').asked, { version: 'v1', known: true, has: 1, lacks: 0 });
  });

  test('reconnects → counts as connected, and the rollout converges once it acknowledges', () => {
    const { leaves, asks, sent, acks, rollout, gone } = behind();
    leaves(a, 'silence');
    const again = streamOf(3, 'a');
    asks(again);
    assert.deepEqual([gone(), rollout().states.lost, rollout().states.pending], [{}, 0, 1]);
    sent(again, 'v2');
    acks(again, 'v2');
    assert.notEqual(rollout().convergedAt, undefined);
  });

  test('window passes → no rollout counts it', () => {
    const { leaves, pass, rollout, gone } = behind();
    leaves(a, 'silence');
    pass(defaultLostWindowMs - 1);
    assert.deepEqual([gone(), rollout().convergedAt], [{ a: 'lost' }, undefined]);
    pass(1);
    assert.deepEqual(gone(), { a: undefined });
    assert.notEqual(rollout().convergedAt, undefined);
  });

  test('its mesh has no listed MeshTrust: is counted in its mesh as well', () => {
    const { leaves, asks, look, history, now } = behind();
    leaves(a, 'silence');
    const other = streamOf(7, 'x', 'other');
    asks(other);
    leaves(other, 'silence');
    const counts = countStates(look(), history, now());
    assert.deepEqual([counts.get('default')?.lost, counts.get('other')?.lost], [1, 1]);
  });

  test('has two streams → is lost only when the last of them ends', () => {
    const { leaves, asks, quotes, rollout } = behind();
    const second = streamOf(3, 'a');
    asks(second);
    quotes(second, 'v1');
    leaves(a, 'silence');
    assert.deepEqual([rollout().states.lost, rollout().states.pending], [0, 1]);
    leaves(second, 'client');
    // One stream broke, so the proxy may still run.
    assert.equal(rollout().states.lost, 1);
  });

  test('loses its other connection 40 s later → the subscriptions of both count', () => {
    const { leaves, asks, quotes, pass, gone } = behind();
    const second = streamOf(3, 'a');
    asks(second);
    quotes(second, 'v2');
    leaves(a, 'silence');
    pass(40_000);
    leaves(second, 'silence');
    assert.deepEqual(gone(), { a: 'lost' });
  });

  test('closes its other stream 40 s later → is lost, not gone', () => {
    const { leaves, asks, quotes, pass, gone } = behind();
    const second = streamOf(3, 'a');
    asks(second);
    quotes(second, 'v2');
    leaves(a, 'silence');
    pass(40_000);
    leaves(second, 'client');
    pass(returnWithinMs);
    assert.deepEqual(gone(), { a: 'lost' });
  });

  test('opens another stream and is in sync on it → is not lost when that ends', () => {
    const { leaves, asks, quotes, pass, gone } = behind();
    const second = streamOf(3, 'a');
    asks(second);
    quotes(second, 'v2');
    leaves(a, 'silence');
    const third = streamOf(4, 'a');
    asks(third);
    quotes(third, 'v2');
    pass(40_000);
    leaves(second);
    leaves(third);
    assert.deepEqual(gone(), { a: undefined });
  });

  test('without a node id → is lost for the window, by its address', () => {
    const { leaves, asks, rollout } = behind();
    const nameless = streamOf(5, '');
    asks(nameless);
    leaves(nameless, 'silence');
    const found = rollout().lagging.find(({ state }) => state === 'lost');
    const [stream] = found?.proxy.streams ?? [];
    assert.equal(stream?.info.address, nameless.address);
  });
});

suite('proxy with a stream for each secret', () => {
  /** Returns the state of a proxy whose streams all break, and of which only the first one was behind. */
  function stateOf(streams: number): string | undefined {
    const { asks, sent, acks, publish, leaves, gone } = behind();
    const all = Array.from({ length: streams }, (_, index) => streamOf(10 + index, 'big'));
    for (const stream of all) {
      asks(stream);
      sent(stream, 'v1');
      acks(stream, 'v1');
    }
    publish(statesOf({ ALL: 'v2' }));
    for (const stream of all.slice(1)) {
      sent(stream, 'v2');
      acks(stream, 'v2');
    }
    for (const stream of all) leaves(stream, 'silence');
    return gone()['big'];
  }

  for (const streams of [2, 16, 17, 200])
    test(`one of ${streams} is behind, and the connection breaks → is lost`, () => {
      assert.equal(stateOf(streams), 'lost');
    });

  test('the server ends a stream that is behind, and the others break a minute later → is lost', () => {
    const { asks, quotes, pass, leaves, gone } = behind();
    const second = streamOf(3, 'a');
    asks(second);
    quotes(second, 'v2');
    leaves(a, 'server');
    pass(60_000);
    leaves(second, 'silence');
    assert.deepEqual(gone(), { a: 'lost' });
  });
});

suite('connected proxy with a stream that ended', () => {
  /** The proxy `a` is behind on its first stream, and in sync on the second. */
  function halfBehind() {
    const all = behind();
    const second = streamOf(3, 'a');
    all.asks(second);
    all.quotes(second, 'v2');
    const state = () => {
      const [proxy] = [...all.look('default').connected].filter(({ node }) => node === 'a');
      return proxy && assess(proxy, all.history, all.now()).state;
    };
    assert.equal(state(), 'pending');
    return { ...all, second, state };
  }

  for (const by of ['server', 'silence'] as const)
    test(`${by}: is not in sync until it opens the stream again, and the rollout has not converged`, () => {
      const { leaves, asks, sent, acks, rollout, state } = halfBehind();
      leaves(a, by);
      assert.deepEqual([state(), rollout().convergedAt, rollout().asked.lacks], ['pending', undefined, 1]);
      const again = streamOf(4, 'a');
      asks(again);
      sent(again, 'v2');
      acks(again, 'v2');
      assert.equal(state(), 'synced');
      assert.notEqual(rollout().convergedAt, undefined);
    });

  test('the proxy closed it: is in sync', () => {
    const { leaves, state } = halfBehind();
    leaves(a, 'client');
    assert.equal(state(), 'synced');
  });

  test('lost window passes: is in sync, and counts as such when it leaves', () => {
    const { leaves, pass, second, state, gone } = halfBehind();
    leaves(a, 'silence');
    pass(defaultLostWindowMs - 1);
    assert.equal(state(), 'stale');
    pass(1);
    assert.equal(state(), 'synced');
    leaves(second, 'silence');
    assert.deepEqual(gone(), { a: undefined });
  });

  suite('had reconnected before the server noticed that the connection was dead', () => {
    /** The proxy `a` opens a stream on another connection, and gets all versions there. `names`: its secrets. */
    function reconnected({
      after = 20_000,
      names,
      again = streamOf(3, 'a'),
    }: {
      after?: number;
      names: readonly string[];
      again?: StreamInfo;
    }) {
      const all = scene();
      all.publish(statesOf({ ALL: 'v1', other: 'v1' }));
      all.asks(a);
      for (const name of ['ALL', 'other']) all.quotes(a, 'v1', name);
      all.pass(after);
      all.asks(again);
      for (const name of names) all.quotes(again, 'v1', name);
      all.publish(statesOf({ ALL: 'v2', other: 'v1' }));
      all.pass(40_000);
      for (const name of names) if (name === 'ALL') all.quotes(again, 'v2', name);
      const state = () =>
        [...all.look().connected].map((proxy) => assess(proxy, all.history, all.now()).state);
      return { ...all, again, state };
    }

    for (const by of ['silence', 'server'] as const)
      test(`${by}: the old stream no longer counts`, () => {
        const { leaves, state } = reconnected({ names: ['ALL', 'other'] });
        assert.deepEqual(state(), ['stale']);
        leaves(a, by);
        assert.deepEqual(state(), ['synced']);
      });

    test('the first response comes after the end: the old stream counts until then', () => {
      const { leaves, quotes, again, state } = reconnected({ names: ['ALL'] });
      leaves(a, 'silence');
      assert.deepEqual(state(), ['stale']);
      quotes(again, 'v1', 'other');
      assert.deepEqual(state(), ['synced']);
    });

    for (const [situation, parts] of [
      ['is subscribed to only one of the two secrets there', { names: ['ALL'] }],
      ['the other stream is on the same connection', { again: { ...streamOf(3, 'a'), address: a.address } }],
      ['the old stream acknowledged something when the other one was open', { after: 0 }],
    ] as const)
      test(`${situation}: the old stream counts`, () => {
        const { leaves, state } = reconnected({ names: ['ALL', 'other'], ...parts });
        leaves(a, 'silence');
        assert.deepEqual(state(), ['stale']);
      });

    test('the other stream was open for minutes: both connections were in use, so the old stream counts', () => {
      const { leaves, pass, state } = reconnected({ names: ['ALL', 'other'] });
      pass(120_000);
      leaves(a, 'silence');
      assert.deepEqual(state(), ['stale']);
    });
  });

  test('opens another stream at another process: the ended one no longer counts', () => {
    const [one, two] = [halfBehind(), scene()];
    two.publish(statesOf({ ALL: 'v2' }));
    one.leaves(a, 'server');
    const state = () => {
      const [proxy] = [...mergeLooks([one.look(), two.look()]).connected].filter(({ node }) => node === 'a');
      return proxy && assess(proxy, one.history, one.now()).state;
    };
    assert.equal(state(), 'pending');
    two.pass(1_000);
    const again = streamOf(5, 'a');
    two.asks(again);
    two.quotes(again, 'v2');
    assert.equal(state(), 'synced');
  });
});

suite('proxy that was in sync when its connection broke', () => {
  test('a new version is served within the window: the rollout waits for it, and none did before', () => {
    const { leaves, publish, rollout, gone } = behind();
    leaves(b, 'silence');
    assert.deepEqual(gone(), { b: undefined });
    assert.equal(rollout().states.lost, 0);
    publish(statesOf({ ALL: 'v3' }));
    assert.deepEqual(gone(), { b: 'lost' });
    assert.equal(rollout().states.lost, 1);
  });
});

suite('proxy that closed its connection', () => {
  test('it does not come back: counts for the time that an Envoy takes to reconnect, and then is gone', () => {
    const { leaves, pass, gone, rollout } = behind();
    leaves(a);
    assert.deepEqual([gone(), rollout().convergedAt], [{ a: 'reconnecting' }, undefined]);
    pass(returnWithinMs);
    assert.deepEqual(gone(), { a: undefined });
    assert.notEqual(rollout().convergedAt, undefined);
  });

  for (const by of ['client', 'server'] as const) {
    test(`has no node id (ended by the ${by}) → is gone at once, since its return cannot be recognised`, () => {
      const { asks, quotes, leaves, tracker, rollout } = behind();
      const nameless = streamOf(5, '');
      asks(nameless);
      quotes(nameless, 'v1');
      const before = rollout().states;
      leaves(nameless, by);
      assert.deepEqual(
        [[...tracker.gone()], rollout().states],
        [[], { ...before, pending: before.pending - 1 }],
      );
    });
  }

  test('acknowledged nothing, such as a diagnostic tool → is gone at once', () => {
    const { asks, sent, leaves, gone } = behind();
    const tool = streamOf(9, 'tool');
    asks(tool);
    sent(tool, 'v2');
    leaves(tool);
    assert.deepEqual(gone(), { tool: undefined });
  });
});

suite('proxy whose connection the server ended', () => {
  test('does not reconnect within the time of an Envoy → is lost', () => {
    const { leaves, pass, gone } = behind();
    leaves(a, 'server');
    assert.deepEqual(gone(), { a: 'reconnecting' });
    pass(returnWithinMs);
    assert.deepEqual(gone(), { a: 'lost' });
    pass(defaultLostWindowMs - returnWithinMs);
    assert.deepEqual(gone(), { a: undefined });
  });
});

suite('lost window', () => {
  test('of 0: no rollout waits for a proxy without a connection', () => {
    const { leaves, gone } = behind(undefined, 0);
    leaves(a, 'silence');
    leaves(b);
    assert.deepEqual(gone(), { a: undefined, b: undefined });
  });
});

suite('more lost proxies than are kept', () => {
  test('proxies beyond the limit: count as lost in each mesh', () => {
    const { asks, leaves, publish, look, history, now } = behind({ counted: 1 });
    publish(statesOf({ ALL: 'v1' }, 'other'));
    for (const node of ['c', 'd', 'e']) {
      const proxy = streamOf(10, node);
      asks(proxy);
      leaves(proxy, 'silence');
    }
    const counts = countAcks(look(), history, now());
    assert.deepEqual(counts.get('default'), { connected: 2, acked: 1, lost: 3 });
    assert.deepEqual(counts.get('other'), { connected: 0, acked: 0, lost: 2 });
  });

  for (const [what, limits] of [
    ['by number', { counted: 2 }],
    ['by size', { countedBytes: 6_000 }],
  ] as const) {
    test(`${what}: the others are counted, and nothing has converged until the window has passed`, () => {
      const { asks, quotes, leaves, pass, look, rollout } = behind(limits);
      const many = ['c', 'd', 'e', 'f'].map((node, index) => streamOf(10 + index, node));
      for (const proxy of many) {
        asks(proxy);
        quotes(proxy, 'v1');
      }
      leaves(a);
      for (const proxy of many) leaves(proxy, 'silence');
      const { states, convergedAt, forgotten } = rollout();
      assert.deepEqual([states.lost, forgotten, convergedAt], [2, 3, undefined]);
      // The kept proxies reconnect; the others cannot be distinguished from new ones.
      for (const proxy of many.slice(2)) {
        const again = streamOf(proxy.id + 10, proxy.nodeId);
        asks(again);
        quotes(again, 'v2');
      }
      assert.deepEqual([rollout().states.lost, rollout().convergedAt], [0, undefined]);
      pass(defaultLostWindowMs);
      assert.equal(look().forgotten, 0);
      assert.notEqual(rollout().convergedAt, undefined);
    });
  }

  test('clients with long names: take no more memory than others', () => {
    const { asks, quotes, leaves, rollout } = behind({ countedBytes: 1_000_000 });
    for (let id = 10; id < 20; id += 1) {
      const proxy = streamOf(id);
      asks(proxy);
      for (let name = 0; name < 100; name += 1) quotes(proxy, 'v1', `${name}${'x'.repeat(4_000)}`);
      leaves(proxy, 'silence');
    }
    const { states, forgotten } = rollout();
    assert.deepEqual([states.lost, forgotten], [1, 9]);
  });

  test('clients that rejected many secrets, and then have few: take no more memory than others', () => {
    const { asks, sent, refuses, quotes, leaves, rollout } = behind({ countedBytes: 100_000 });
    for (let id = 10; id < 20; id += 1) {
      const proxy = streamOf(id);
      asks(proxy);
      for (let name = 0; name < 100; name += 1) {
        sent(proxy, 'v1', `${name}${'x'.repeat(200)}`);
        refuses(proxy, 'v1', 'no', `${name}${'x'.repeat(200)}`);
      }
      leaves(proxy);
      const again = streamOf(id + 10, proxy.nodeId);
      asks(again);
      quotes(again, 'v1');
      leaves(again, 'silence');
    }
    const { states, forgotten } = rollout();
    assert.deepEqual([states.lost, forgotten], [1, 9]);
  });

  for (const [what, streams, secrets] of [
    ['a thousand secrets', 1, 1_000],
    ['a hundred streams', 100, 1],
  ] as const)
    test(`client with ${what} that acknowledged nothing and closed: its streams are not kept, and its version is unknown`, () => {
      const { asks, sent, leaves, tracker, history } = behind();
      const all = Array.from({ length: streams }, (_, index) => streamOf(100 + index, 'tool'));
      for (const stream of all) {
        asks(stream);
        for (let name = 0; name < secrets; name += 1) sent(stream, 'v2', `${name}`);
      }
      for (const stream of all) leaves(stream);
      const [tool] = tracker.gone();
      assert.ok(tool);
      assert.deepEqual([tool.node, tool.streams.size], ['tool', 0]);
      assert.equal(heldVersion(tool, history), undefined);
    });

  test('proxies that closed their connections: do not displace a lost proxy', () => {
    const { asks, quotes, leaves, pass, gone } = behind({ entries: 1 });
    leaves(a, 'silence');
    for (let id = 20; id < 30; id += 1) {
      const proxy = streamOf(id);
      asks(proxy);
      quotes(proxy, 'v2');
      leaves(proxy);
    }
    pass(returnWithinMs);
    assert.deepEqual(gone(), { 'node-29': undefined, a: 'lost' });
  });
});

suite('several processes', () => {
  test('lost at one and connected to another → not lost', () => {
    const [one, two] = [behind(), scene()];
    two.publish(statesOf({ ALL: 'v2' }));
    one.leaves(a, 'silence');
    two.asks(a);
    two.quotes(a, 'v2');
    const look = mergeLooks([one.look(), two.look()]);
    assert.deepEqual([...look.gone], []);
  });

  test('broke at one, then closed at another in sync → not lost', () => {
    const [one, two] = [behind(), scene()];
    one.leaves(a, 'silence');
    two.publish(statesOf({ ALL: 'v2' }));
    two.pass(one.now() - two.now() + 1_000);
    two.asks(a);
    two.quotes(a, 'v2');
    two.leaves(a);
    const [left, ...others] = mergeLooks([one.look(), two.look()]).gone;
    assert.ok(left !== undefined && others.length === 0);
    assert.equal(assessGone(left, two.history, two.now()), undefined);
  });

  test('had streams to both, and one broke → lost', () => {
    const [one, two] = [behind(), scene()];
    two.asks(a);
    two.quotes(a, 'v2');
    one.leaves(a, 'silence');
    two.leaves(a);
    const [left] = mergeLooks([one.look(), two.look()]).gone;
    assert.ok(left);
    assert.equal(assessGone(left, one.history, one.now())?.state, 'lost');
  });

  test('clients without a node id: each counts as one proxy, connected or lost', () => {
    const [one, two] = [behind(), behind()];
    const nameless = streamOf(5, '');
    for (const { asks, leaves } of [one, two]) {
      asks(nameless);
      leaves(nameless, 'silence');
      asks(streamOf(6, ''));
    }
    const { gone, connected } = mergeLooks([one.look(), two.look()]);
    const namelessOf = (some: Iterable<{ readonly node: string }>) =>
      [...some].filter(({ node }) => node === '').length;
    assert.deepEqual([namelessOf(connected), namelessOf(gone)], [2, 2]);
  });

  test('each forgot proxies: their numbers are added up', () => {
    const looks = [1, 2].map((forgotten) => ({
      connected: [],
      gone: [],
      complete: true,
      forgotten,
      unlisted: [],
    }));
    assert.equal(mergeLooks(looks).forgotten, 3);
  });
});

suite('several servers', () => {
  test('one lost the proxy and another has it → the first no longer waits for it', () => {
    const [one, two] = [behind(), scene()];
    one.leaves(a, 'silence');
    const asked = lostProxies(one.look(), one.now());
    assert.deepEqual(asked, [{ mesh: 'default', node: 'a', goneAt: one.now() }]);
    assert.deepEqual(connectedOf(two.look(), asked), []);
    two.asks(a);
    const found = connectedOf(two.look(), asked);
    assert.deepEqual(found, asked);
    one.tracker.release(found);
    assert.deepEqual([one.gone(), one.rollout().states.lost], [{ a: undefined }, 0]);
  });

  test('the proxy reconnected and is lost again → the answer about the earlier loss does not count', () => {
    const { leaves, asks, quotes, pass, look, now, tracker, gone } = behind();
    leaves(a, 'silence');
    const asked = lostProxies(look(), now());
    pass(1_000);
    const again = streamOf(3, 'a');
    asks(again);
    quotes(again, 'v1');
    leaves(again, 'silence');
    tracker.release(asked);
    assert.deepEqual(gone(), { a: 'lost' });
  });

  test('query → last disconnected first, without clients that have no node id or a long one', () => {
    const { asks, leaves, pass, look, now } = behind();
    const others = [streamOf(5, ''), streamOf(6, 'x'.repeat(201)), streamOf(7, 'late')];
    leaves(a, 'silence');
    pass(10);
    for (const proxy of others) {
      asks(proxy);
      leaves(proxy, 'silence');
    }
    assert.deepEqual(
      lostProxies(look(), now()).map(({ node }) => node),
      ['late', 'a'],
    );
  });
});
