import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { collectStreams, followStreams } from '../../../src/frontend/workers/share-streams.ts';
import type { StreamInfo } from '../../../src/xds/index.ts';
import { streamOf } from '../../observe/streams.ts';

const request = { typeUrl: 't', kind: 'initial' } as const;
const ending = { by: 'client', code: 'CANCELLED', message: '' } as const;

/** Workers that report to one log. */
function rig() {
  const lines: string[] = [];
  const followed = followStreams({
    opened: ({ nodeId }) => void lines.push(`+${nodeId}`),
    closed: ({ nodeId }) => void lines.push(`-${nodeId}`),
  });
  const worker = (id: number) => {
    const { observer, take } = collectStreams();
    return {
      open: (one: StreamInfo) => observer.request(one, request),
      close: (one: StreamInfo) => observer.streamClosed(one, ending),
      report: () => followed.apply(id, take()),
    };
  };
  return { lines, worker, end: followed.end };
}

const stream = (id: number, nodeId: string): StreamInfo => ({ ...streamOf(), id, nodeId });

suite('streams of workers', () => {
  test('several requests, and an end: one event each, in their order', () => {
    const { lines, worker } = rig();
    const one = worker(1);
    const [first, second] = [stream(1, 'a'), stream(2, 'a')];
    one.open(first);
    one.open(first);
    one.close(first);
    one.open(second);
    one.report();
    one.report();
    assert.deepEqual(lines, ['+a', '-a', '+a']);
  });

  test('stream that ends before its first request: no event', () => {
    const { lines, worker } = rig();
    const one = worker(1);
    one.close(stream(1, ''));
    one.report();
    assert.deepEqual(lines, []);
  });

  test('streams with one number at two workers: are different streams', () => {
    const { lines, worker } = rig();
    const [one, two] = [worker(1), worker(2)];
    const [atOne, atTwo] = [stream(1, 'a'), stream(1, 'b')];
    one.open(atOne);
    two.open(atTwo);
    for (const each of [one, two]) each.report();
    one.close(atOne);
    one.report();
    assert.deepEqual(lines, ['+a', '+b', '-a']);
  });

  test('worker ends: its open streams end, and those of its replacement begin', () => {
    const { lines, worker, end } = rig();
    const one = worker(1);
    const closed = stream(2, 'b');
    one.open(stream(1, 'a'));
    one.open(closed);
    one.close(closed);
    one.report();
    end(1);
    end(1);
    const replacement = worker(1);
    replacement.open(stream(1, 'c'));
    replacement.report();
    assert.deepEqual(lines, ['+a', '+b', '-b', '-a', '+c']);
  });
});
