import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { typeUrls } from '../../../src/xds/index.ts';
import type { XdsObserver } from '../../../src/xds/index.ts';
import { setOf } from '../vocabulary.ts';
import { ads, serve } from './serving.ts';
import type { Serving } from './serving.ts';

const openRate = { perSecond: 1, burst: 2 };

/** An observer whose promise resolves when the given number of streams wait. */
function untilWaiting(count: number): { readonly observer: XdsObserver; readonly reached: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { observer: { streamsWaiting: (now) => void (now === count && resolve()) }, reached: promise };
}

/** Opens streams that subscribe at once, each on its own connection. */
function open(serving: Serving, count: number): readonly ReturnType<typeof stream>[] {
  return Array.from({ length: count }, () => stream(serving));
}

function stream(serving: Serving) {
  const opened = serving.connect().delta(ads.delta);
  opened.send({ type_url: typeUrls.secret, node: { id: 'n' }, resource_names_subscribe: ['a'] });
  return opened;
}

suite('streams above the open rate', () => {
  test('four at a rate of two: the others wait, and get their replies in turn', async () => {
    let now = 0;
    const { observer, reached } = untilWaiting(2);
    await using serving = await serve({ clock: () => now, openRate, observer });
    serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
    const streams = open(serving, 4);
    await reached;
    assert.equal(serving.xds.streams(), 2);
    const answers = streams.map(async (each) => (await each.next()).resources[0]?.version);
    await Promise.any(answers);
    serving.store.set('', typeUrls.secret, setOf({ a: '2' }));
    now = 1_000;
    await serving.until(() => serving.xds.streams() === 3);
    now = 2_000;
    const versions = await Promise.all(answers);
    for (const version of ['1', '2']) assert.equal(versions.filter((one) => one === version).length, 2);
    assert.equal(serving.xds.streams(), 4);
  });

  test('cancelled while they wait: are forgotten', async () => {
    const { observer, reached } = untilWaiting(1);
    const back = untilWaiting(0);
    await using serving = await serve({
      clock: () => 0,
      openRate,
      observer: {
        streamsWaiting(count) {
          observer.streamsWaiting?.(count);
          back.observer.streamsWaiting?.(count);
        },
      },
    });
    const streams = open(serving, 3);
    await reached;
    // Two of them are open. The network decides which.
    for (const each of streams) each.cancel();
    await back.reached;
    await serving.until(() => serving.xds.streams() === 0);
  });

  test('server shuts down: are refused; maxStreams: are counted', async () => {
    const { observer, reached } = untilWaiting(1);
    const refused: string[] = [];
    await using serving = await serve({
      clock: () => 0,
      openRate,
      maxStreams: 3,
      observer: { ...observer, streamRefused: (reason) => void refused.push(reason) },
    });
    const streams = open(serving, 3);
    await reached;
    const [fourth] = open(serving, 1);
    assert.equal((await fourth?.ended)?.code, status.RESOURCE_EXHAUSTED);
    assert.deepEqual(refused, ['too-many']);
    await serving.xds.drain(0);
    const ends = await Promise.all(streams.map(({ ended }) => ended));
    assert.deepEqual(
      ends.map(({ code }) => code),
      [status.UNAVAILABLE, status.UNAVAILABLE, status.UNAVAILABLE],
    );
    assert.deepEqual(refused, ['too-many', 'draining']);
  });
});
