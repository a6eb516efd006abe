import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createSnapshotStore, typeUrls } from '../../../src/xds/index.ts';
import type { FannedOut, SnapshotStore } from '../../../src/xds/index.ts';
import { createHub } from '../../../src/xds/server/hub.ts';
import type { Hub, HubStream } from '../../../src/xds/server/hub.ts';
import { setOf } from '../vocabulary.ts';

/** A stream that records what it sends: the version in the store at each pump. */
interface FakeStream extends HubStream {
  readonly sent: string[];
  pumps: number;
  sweeps: number;
}

interface Fake {
  readonly store: SnapshotStore;
  readonly hub: Hub;
  readonly streams: readonly FakeStream[];
  readonly fanOuts: readonly FannedOut[];
  /** Number of pumps at the end of each step. */
  readonly steps: readonly number[];
  readonly open: (group?: string) => FakeStream;
  readonly publish: (version: string, group?: string) => void;
  /** Resolves when all streams were notified of all changes. */
  readonly finished: () => Promise<FannedOut>;
}

/** Streams that take 10 us each by the clock, and a hub with slices of 5 ms. */
function fake(count: number): Fake {
  let now = 0;
  const store = createSnapshotStore();
  const fanOuts: FannedOut[] = [];
  const steps: number[] = [];
  let pumps = 0;
  let finish = Promise.withResolvers<FannedOut>();
  const hub = createHub({
    store,
    clock: () => now,
    tickMs: 1,
    sweepMs: 1_000,
    sliceMs: 5,
    fannedOut(fannedOut) {
      fanOuts.push(fannedOut);
      finish.resolve(fannedOut);
      finish = Promise.withResolvers();
    },
    stepped: () => void steps.push(pumps),
  });
  const open = (group = 'g'): FakeStream => {
    let marked = false;
    const stream: FakeStream = {
      lastSeen: 0,
      group,
      sent: [],
      pumps: 0,
      changed: () => void (marked = true),
      pump() {
        now += 0.01;
        stream.pumps += 1;
        pumps += 1;
        if (marked) stream.sent.push(store.get(group, typeUrls.secret)?.version ?? '');
        marked = false;
      },
      sweeps: 0,
      sweep: () => void (stream.sweeps += 1),
      drain: () => undefined,
    };
    hub.add(stream);
    hub.joined(stream);
    return stream;
  };
  return {
    store,
    hub,
    streams: Array.from({ length: count }, () => open()),
    fanOuts,
    steps,
    open,
    publish: (version, group = 'g') =>
      store.set(group, typeUrls.secret, { ...setOf({ a: version }), version }),
    finished: () => finish.promise,
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resolves in the next turn of the event loop: input and timers are handled there, between two slices. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const sentBy = (streams: readonly FakeStream[], ...versions: string[]): number =>
  streams.filter(({ sent }) => JSON.stringify(sent) === JSON.stringify(versions)).length;

suite('change for thousands of streams', () => {
  test('10,000 streams: the change is sent in slices with other work between, and reaches all', async () => {
    const { streams, publish, finished } = fake(10_000);
    const done = finished();
    publish('1');
    const atOnce = sentBy(streams, '1');
    // 5 ms are 500 streams, and the clock is read every 32 streams.
    assert.ok(atOnce >= 500 && atOnce < 540, `${atOnce} in the first slice`);
    await turn();
    const later = sentBy(streams, '1');
    assert.ok(later > atOnce && later < 3 * 540, `${later} after the next`);
    const { visits, slices, durationMs } = await done;
    assert.equal(sentBy(streams, '1'), 10_000);
    assert.equal(visits, 10_000);
    assert.ok(slices >= 19 && slices <= 20, `${slices} slices`);
    assert.ok(durationMs > 99 && durationMs < 101, `${durationMs} ms`);
  });

  test('newer change: replaces it on streams that were not reached yet', async () => {
    const { streams, publish, finished } = fake(10_000);
    const done = finished();
    publish('1');
    const atOnce = sentBy(streams, '1');
    publish('2');
    assert.equal(sentBy(streams, '1'), atOnce, 'the newer one waits for its turn too');
    const { visits } = await done;
    assert.equal(sentBy(streams, '2'), 10_000 - atOnce, 'most were never sent the older one');
    assert.equal(sentBy(streams, '1', '2'), atOnce);
    assert.equal(visits, 10_000 + atOnce);
  });

  test('change of a small group meanwhile: is not delayed', async () => {
    const { streams, open, publish, finished } = fake(10_000);
    const few = [open('h'), open('h')];
    const done = finished();
    publish('1');
    publish('1', 'h');
    await turn();
    assert.equal(sentBy(few, '1'), 2);
    assert.ok(sentBy(streams, '1') < 2_000);
    await done;
    assert.equal(sentBy(streams, '1'), 10_000);
  });

  test('stream that opens meanwhile: is not notified, because it has the newest state', async () => {
    const { streams, open, publish, finished } = fake(2_000);
    const done = finished();
    publish('1');
    const late = open();
    await done;
    assert.deepEqual(late.sent, []);
    assert.equal(sentBy(streams, '1'), 2_000);
  });

  test('stream that closes meanwhile: is not notified', async () => {
    const { hub, streams, publish, finished } = fake(2_000);
    const done = finished();
    publish('1');
    for (const stream of streams.slice(1_500)) hub.remove(stream);
    const { visits } = await done;
    assert.equal(visits, 1_500);
    assert.equal(sentBy(streams, '1'), 1_500);
  });

  test('change of all groups: reaches every group', async () => {
    const { store, streams, open, finished } = fake(1_000);
    const few = [open('h'), open('i')];
    const done = finished();
    store.setDefault(typeUrls.secret, () => ({ ...setOf({ a: '1' }), version: '1' }));
    await done;
    assert.equal(sentBy([...streams, ...few], '1'), 1_002);
  });

  test('each 32 streams: their responses are written before the next are prepared', () => {
    const { publish, steps } = fake(70);
    publish('1');
    // The last step finds that no stream is left.
    assert.deepEqual(steps, [32, 64, 70]);
  });

  test('no streams: nothing is reported', () => {
    const { publish, fanOuts } = fake(0);
    publish('1');
    assert.deepEqual(fanOuts, []);
  });
});

test('sweep: visits a quarter of the streams each second', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { hub, streams, open } = fake(10);
  const swept = (): readonly number[] => streams.map(({ sweeps }) => sweeps);
  t.mock.timers.tick(1_000);
  assert.deepEqual(swept(), [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
  t.mock.timers.tick(3_000);
  assert.deepEqual(swept(), [1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
  // This stream is next.
  hub.remove(streams[7]!);
  const late = open();
  t.mock.timers.tick(4_000);
  assert.equal(streams[7]?.sweeps, 1);
  assert.ok(streams.every(({ sweeps }, index) => index === 7 || sweeps >= 2));
  assert.equal(late.sweeps, 1);
});

test('closed streams: are not kept in memory, also if no sweep comes', async () => {
  const { hub, open } = fake(0);
  const kept: WeakRef<FakeStream>[] = [];
  let last = open();
  for (let count = 0; count < 1_000; count += 1) {
    const next = open();
    hub.remove(last);
    kept.push(new WeakRef(last));
    last = next;
  }
  // A reference that was made in this turn of the event loop keeps its stream until the next one.
  await turn();
  collectGarbage();
  const alive = kept.filter((one) => one.deref() !== undefined).length;
  assert.ok(alive < 10, `${alive} of the ${kept.length} closed streams are in memory`);
});

test('thousands of streams with overdue ACKs: are woken in slices', async () => {
  const { hub, streams, finished } = fake(2_000);
  for (const stream of streams) hub.wake(stream, 0);
  const { slices } = await finished();
  assert.ok(streams.every(({ pumps }) => pumps === 1));
  assert.ok(slices >= 3 && slices <= 4, `${slices} slices`);
});

for (const group of ['g', undefined])
  test(`drain, group ${group}: also if the end of a stream ends the next one, all others end`, async () => {
    const { hub } = fake(0);
    const drained: number[] = [];
    const streams = [0, 1, 2, 3].map((index): HubStream => ({
      lastSeen: 0,
      group,
      changed: () => undefined,
      pump: () => undefined,
      sweep: () => undefined,
      drain() {
        drained.push(index);
        hub.remove(streams[index]!);
        if (index === 3) hub.remove(streams[2]!);
      },
    }));
    for (const stream of streams) {
      hub.add(stream);
      hub.joined(stream);
    }
    await hub.drain(0);
    assert.deepEqual(drained, [3, 1, 0]);
    assert.equal(hub.size, 0);
  });
