import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createEndedStreams } from '../../src/fleet/ended-streams.ts';
import type { EndedStream, SecretRecord, StreamRecord } from '../../src/fleet/records.ts';
import { streamOf } from './scene.ts';

const lostWindowMs = 60_000;
const secret: SecretRecord = { sent: 'v1', sentAt: 0, acked: 'v1', ackedAt: 0, ackMs: 0 };

/** Returns a stream with as many secrets, all acknowledged. */
function stream(id: number, secrets: number) {
  const names = Array.from({ length: secrets }, (_, name) => [`${name}`, secret] as const);
  return { info: streamOf(id, 'a'), since: 0, awaiting: false, secrets: new Map(names) };
}

const proxy = () => ({ streams: new Set<StreamRecord>(), ended: new Array<EndedStream>(), endedSize: 0 });
const idsOf = ({ ended }: { ended: readonly EndedStream[] }) => ended.map((one) => one.stream.info.id);

suite('ended streams of connected proxies', () => {
  test('more than are kept: the others of a proxy are one record, of which nothing is acknowledged', () => {
    const streams = createEndedStreams(lostWindowMs, 10);
    const [one, two] = [proxy(), proxy()];
    streams.add(one, stream(1, 8), 'silence', 0, false);
    for (const id of [2, 3, 4]) streams.add(one, stream(id, 1), 'server', 0, false);
    streams.add(two, stream(5, 0), 'closed', 0, false);
    assert.deepEqual([idsOf(one), one.endedSize], [[1, 4], 10]);
    const [known, unknown] = one.ended;
    assert.deepEqual([known?.stream.awaiting, unknown?.stream.awaiting], [false, true]);
    assert.equal(unknown?.ending, 'server');
    assert.equal(two.ended[0]?.stream.awaiting, true);
    // The end of the last stream is not cut: the record leaves the list at once.
    streams.add(two, stream(6, 100), 'silence', 0, true);
    assert.deepEqual([idsOf(two), two.ended[1]?.stream.awaiting], [[5, 6], false]);
  });

  test('one broke and others were ended by the server: the record counts as broken', () => {
    const streams = createEndedStreams(lostWindowMs, 0);
    const one = proxy();
    for (const ending of ['server', 'silence', 'closed'] as const)
      streams.add(one, stream(1, 1), ending, 0, false);
    assert.deepEqual(
      one.ended.map(({ ending }) => ending),
      ['silence'],
    );
  });

  test('proxy with thousands of streams, of which only some are kept: each end takes little time', () => {
    const streams = createEndedStreams(lostWindowMs, 10_000);
    const one = proxy();
    const before = performance.now();
    for (let id = 1; id <= 40_000; id += 1) streams.add(one, stream(id, 1), 'silence', 0, false);
    assert.deepEqual([one.ended.length, one.endedSize], [5_001, 10_001]);
    assert.ok(performance.now() - before < 2_000);
  });

  test('proxy opens a stream, or the lost window passes: there is room again', () => {
    const streams = createEndedStreams(lostWindowMs, 4);
    const [one, two, three] = [proxy(), proxy(), proxy()];
    streams.add(one, stream(1, 3), 'silence', 0, false);
    streams.clear(one);
    streams.add(two, stream(2, 3), 'silence', 0, false);
    assert.deepEqual([one.ended, two.ended[0]?.stream.awaiting], [[], false]);
    streams.age(two, lostWindowMs);
    streams.add(three, stream(3, 3), 'silence', lostWindowMs, false);
    assert.deepEqual([two.ended, three.ended[0]?.stream.awaiting], [[], false]);
  });
});
