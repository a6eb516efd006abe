import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mergeLooks } from '../../src/fleet/fleet.ts';
import { scene, statesOf, streamOf } from './scene.ts';

const a = streamOf(1, 'a');

suite('fleet tracker', () => {
  test('push and ACK: the sent and the acknowledged version, and the time between', () => {
    const { tracker, asks, sent, acks, pass, now } = scene();
    asks(a);
    sent(a, 'v1');
    const sentAt = now();
    pass(12);
    acks(a, 'v1');
    sent(a, 'v2');
    const [proxy] = tracker.connected('default');
    const [stream] = proxy?.streams ?? [];
    assert.deepEqual(stream?.secrets.get('ALL'), {
      sent: 'v2',
      sentAt: sentAt + 12,
      acked: 'v1',
      ackedAt: sentAt + 12,
      ackMs: 12,
      unanswered: '1',
    });
  });

  test('secret that is removed or dropped and added again: gets a new record', () => {
    const { tracker, asks, sent, acks, drops } = scene();
    const versions = () =>
      [...tracker.connected('default')].flatMap(({ streams }) =>
        [...streams].flatMap(({ secrets }) => [...secrets].map(([name, { acked }]) => `${name} ${acked}`)),
      );
    asks(a);
    for (const name of ['x', 'y', 'x']) {
      sent(a, 'v1', name);
      acks(a, 'v1', name);
    }
    assert.deepEqual(versions(), ['x v1', 'y v1']);
    acks(a, undefined, 'x');
    assert.deepEqual(versions(), ['y v1']);
    sent(a, 'v2', 'x');
    acks(a, 'v2', 'x');
    assert.deepEqual(versions(), ['y v1', 'x v2']);
    drops(a, 'x');
    sent(a, 'v3', 'x');
    acks(a, 'v3', 'x');
    acks(a, 'v2', 'y');
    assert.deepEqual(versions(), ['y v2', 'x v3']);
  });

  test('NACKs: are counted; the last one is kept with its message on one line', () => {
    const { tracker, asks, sent, refuses } = scene();
    asks(a);
    sent(a, 'v1');
    refuses(a, 'v1', 'first');
    refuses(a, 'v1', 'second\nline\u001b[2J');
    const [proxy] = tracker.connected();
    assert.deepEqual([proxy?.nacks, proxy?.lastNack?.message], [2, 'second line [2J']);
  });

  test('counts: each node once, each stream without a node id separately', () => {
    const { tracker, asks, leaves } = scene();
    const streams = [
      streamOf(1, 'a'),
      streamOf(2, 'a'),
      streamOf(3, 'b'),
      streamOf(4, ''),
      streamOf(5, ''),
      streamOf(6, 'c', 'other'),
    ];
    for (const stream of streams) asks(stream);
    assert.deepEqual([tracker.count('default'), tracker.count('other'), tracker.count('nowhere')], [4, 1, 0]);
    for (const stream of streams.slice(1)) leaves(stream);
    assert.deepEqual([...tracker.counts()], [['default', 1]]);
  });

  test('stream: is listed from its first request to its end', () => {
    const { tracker, sent, acks, leaves, asks } = scene();
    tracker.observer.streamOpened?.(a);
    sent(a, 'v1');
    acks(a, 'v1');
    leaves(a);
    assert.deepEqual([...tracker.connected(), ...tracker.gone()], []);
    asks(a);
    leaves(a);
    sent(a, 'v1');
    assert.deepEqual([...tracker.connected()], []);
  });

  test('disconnected proxies: are kept for a while, latest last, until they return', () => {
    const { tracker, asks, leaves, refuses, pass } = scene({ entries: 2, keepMs: 1_000 }, 0);
    const gone = () => [...tracker.gone()].map(({ node }) => node);
    const streams = ['a', 'b', 'c'].map((node, index) => streamOf(index, node));
    for (const stream of streams) asks(stream);
    for (const stream of streams) {
      refuses(stream, 'v1', `not ${stream.nodeId}`);
      leaves(stream);
    }
    assert.deepEqual(gone(), ['b', 'c']);
    asks(streamOf(9, 'b'));
    assert.deepEqual(gone(), ['c']);
    const [back] = tracker.connected();
    assert.deepEqual([back?.nacks, back?.lastNack?.message], [1, 'not b']);
    pass(1_000);
    assert.deepEqual(gone(), []);
  });

  test('stream without a node id: is not kept after its end', () => {
    const { tracker, asks, leaves } = scene();
    const anonymous = streamOf(1, '');
    asks(anonymous);
    leaves(anonymous);
    assert.deepEqual([...tracker.gone()], []);
  });
});

suite('merged looks of several processes', () => {
  test('proxy with streams to two processes: is counted once', () => {
    const [one, two] = [scene(), scene()];
    const moved = streamOf(2, 'b');
    one.asks(streamOf(1, 'a'));
    one.asks(moved);
    two.asks(streamOf(1, 'a'));
    two.asks(streamOf(3, ''));
    one.asks(streamOf(4, ''));
    two.asks(streamOf(5, 'b'));
    one.leaves(moved);
    const look = mergeLooks([one, two].map(({ look }) => look()));
    const connected = [...look.connected].map(({ node, streams }) => `${node} ${streams.size}`);
    assert.deepEqual(connected.toSorted(), [' 1', ' 1', 'a 2', 'b 1']);
    assert.deepEqual([...look.gone], []);
  });
});

suite('proxy that disconnected from several processes', () => {
  const joined = (...scenes: readonly ReturnType<typeof scene>[]) =>
    mergeLooks(scenes.map(({ look }) => look()));

  test('NACKs in several processes: is listed once, at its last disconnection, with all its NACKs', () => {
    const [one, two] = [scene(), scene()];
    for (const { asks, refuses, leaves, pass } of [one, two]) {
      asks(a);
      pass(10);
      refuses(a, 'v1', 'no');
      leaves(a);
      pass(1_000);
    }
    two.asks(a);
    two.pass(5);
    two.refuses(a, 'v2', 'never');
    two.leaves(a);
    const gone = [...joined(two, one).gone];
    assert.deepEqual(
      gone.map(({ node, nacks, lastNack }) => [node, nacks, lastNack?.message]),
      [['a', 3, 'never']],
    );
  });

  test('connected to another process: keeps its last NACK', () => {
    const [one, two] = [scene(), scene()];
    one.asks(a);
    one.refuses(a, 'v1', 'not this');
    one.leaves(a);
    two.asks(a);
    const look = joined(one, two);
    assert.deepEqual([...look.gone], []);
    assert.deepEqual(
      [...look.connected].map(({ nacks, lastNack, refused }) => [nacks, lastNack?.message, refused.size]),
      [[1, 'not this', 0]],
    );
  });
});

suite('served history', () => {
  test('states of a mesh: the last 16 are kept, equal ones in a row once', () => {
    const { history, publish } = scene();
    for (let version = 1; version <= 20; version += 1) {
      publish(statesOf({ ALL: `v${version}` }));
      publish(statesOf({ ALL: `v${version}` }));
    }
    const versions = history.versions('default')?.map(({ version }) => version);
    assert.deepEqual([versions?.length, versions?.[0], versions?.at(-1)], [16, 'v20', 'v5']);
  });

  test('invalid secret name: no version', () => {
    const { history, publish } = scene();
    publish(statesOf({ ALL: 'v1' }));
    const [served] = history.versions('default') ?? [];
    assert.equal(history.versionOf(served, 'ALL'), 'v1');
    assert.equal(history.versionOf(served, 'nonsense'), undefined);
    assert.equal(history.versions('other'), undefined);
  });
});
