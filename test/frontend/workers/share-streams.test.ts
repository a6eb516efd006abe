import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createProxyLog } from '../../../src/observe/log/log-proxies.ts';
import type { Logger } from '../../../src/observe/log/log.ts';
import { collectStreams, followStreams } from '../../../src/frontend/workers/share-streams.ts';
import type { StreamInfo } from '../../../src/xds/index.ts';
import { streamOf } from '../../observe/streams.ts';

const request = { typeUrl: 't', kind: 'initial', isSubscribed: true } as const;
const ending = { by: 'client', code: 'CANCELLED', message: '' } as const;

/** Workers that report to one log. */
function rig() {
  const lines: string[] = [];
  const scheduled: (() => void)[] = [];
  const followed = followStreams(
    {
      opened: ({ nodeId }) => void lines.push(`+${nodeId}`),
      closed: ({ nodeId }) => void lines.push(`-${nodeId}`),
    },
    (work) => scheduled.push(work),
  );
  const worker = (id: number) => {
    const { observer, take } = collectStreams();
    return {
      open: (one: StreamInfo) => observer.request(one, request),
      close: (one: StreamInfo) => observer.streamClosed(one, ending),
      report: () => followed.apply(id, take()),
    };
  };
  /** The time has passed for which ends wait. */
  const pass = (): void => scheduled.splice(0).forEach((work) => work());
  return { lines, worker, pass, end: followed.end, settle: followed.settle };
}

const stream = (id: number, nodeId: string): StreamInfo => ({ ...streamOf(), id, nodeId });

suite('streams of workers', () => {
  test('several requests, and an end: one event each, the end later', () => {
    const { lines, worker, pass } = rig();
    const one = worker(1);
    const [first, second] = [stream(1, 'a'), stream(2, 'a')];
    one.open(first);
    one.open(first);
    one.close(first);
    one.open(second);
    one.report();
    one.report();
    assert.deepEqual(lines, ['+a', '+a']);
    pass();
    assert.deepEqual(lines, ['+a', '+a', '-a']);
  });

  for (const [what, first, second] of [
    ['its old', 1, 2],
    ['its new', 2, 1],
  ] as const)
    test(`proxy that moves, and ${what} worker reports first: no line of the log`, () => {
      const messages: string[] = [];
      const info = (_: object, message: string): void => void messages.push(message);
      const scheduled: (() => void)[] = [];
      const log = { info, child: () => ({ info }) } as unknown as Logger;
      const followed = followStreams(createProxyLog({ log, schedule: () => undefined }), (work) =>
        scheduled.push(work),
      );
      const began = stream(1, 'a');
      followed.apply(1, [{ id: 1, began }]);
      const reports = new Map([
        [1, [{ id: 1 }]],
        [2, [{ id: 1, began }]],
      ]);
      for (const worker of [first, second]) followed.apply(worker, reports.get(worker) ?? []);
      for (const work of scheduled.splice(0)) work();
      assert.deepEqual(messages.length, 1, messages.join());
      followed.apply(2, [{ id: 1 }]);
      for (const work of scheduled.splice(0)) work();
      assert.match(messages[1] ?? '', /^proxy a of mesh \S* disconnected$/);
    });

  test('server that ends: reports the ends that wait, once', () => {
    const { lines, worker, pass, settle } = rig();
    const one = worker(1);
    const only = stream(1, 'a');
    one.open(only);
    one.close(only);
    one.report();
    settle();
    pass();
    assert.deepEqual(lines, ['+a', '-a']);
  });

  test('stream that ends before its first request: no event', () => {
    const { lines, worker } = rig();
    const one = worker(1);
    one.close(stream(1, ''));
    one.report();
    assert.deepEqual(lines, []);
  });

  test('streams with one number at two workers: are different streams', () => {
    const { lines, worker, pass } = rig();
    const [one, two] = [worker(1), worker(2)];
    const [atOne, atTwo] = [stream(1, 'a'), stream(1, 'b')];
    one.open(atOne);
    two.open(atTwo);
    for (const each of [one, two]) each.report();
    one.close(atOne);
    one.report();
    pass();
    assert.deepEqual(lines, ['+a', '+b', '-a']);
  });

  test('worker ends: its open streams end, and those of its replacement begin', () => {
    const { lines, worker, pass, end } = rig();
    const one = worker(1);
    const closed = stream(2, 'b');
    one.open(stream(1, 'a'));
    one.open(closed);
    one.close(closed);
    one.report();
    pass();
    end(1);
    end(1);
    const replacement = worker(1);
    replacement.open(stream(1, 'c'));
    replacement.report();
    assert.deepEqual(lines, ['+a', '+b', '-b', '-a', '+c']);
  });
});
