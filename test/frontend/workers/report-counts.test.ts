import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { reportCounts } from '../../../src/frontend/workers/report-counts.ts';
import { reportDelayMs } from '../../../src/frontend/workers/share-streams.ts';
import { scene, streamOf } from '../../fleet/scene.ts';

/** A worker with a connected proxy and the given number of lost ones, and its reports. */
function reporting(t: TestContext, lost: number, acked = 1) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { tracker } = scene();
  const sent: unknown[] = [];
  let [left, synced] = [lost, acked];
  const reporter = reportCounts(
    (message) => void sent.push(message),
    tracker,
    () => new Map([['default', { version: 'v1', connected: 1, acked: synced, lost: left }]]),
  );
  const found = (): void => void ([left, synced] = [0, 1]);
  return { ...reporter, found, reports: () => sent.length, pass: (ms: number) => t.mock.timers.tick(ms) };
}

suite('reports of a worker', () => {
  test('many changes: one report, soon after the first', (t) => {
    const { changed, reports, pass } = reporting(t, 0);
    changed();
    pass(reportDelayMs - 1);
    changed();
    assert.equal(reports(), 0);
    pass(1);
    assert.equal(reports(), 1);
    pass(60_000);
    assert.equal(reports(), 1);
  });

  test('a proxy is lost: a report each second, until none is', (t) => {
    const { changed, found, reports, pass } = reporting(t, 1);
    changed();
    pass(reportDelayMs);
    pass(1_000);
    pass(1_000);
    assert.equal(reports(), 3);
    found();
    pass(1_000);
    pass(60_000);
    assert.equal(reports(), 4);
  });

  test('a proxy is behind: a report every 10 seconds, because an ended stream stops counting without an event', (t) => {
    const { changed, found, reports, pass } = reporting(t, 0, 0);
    changed();
    pass(reportDelayMs);
    pass(9_999);
    assert.equal(reports(), 1);
    pass(1);
    assert.equal(reports(), 2);
    found();
    pass(10_000);
    pass(60_000);
    assert.equal(reports(), 3);
  });

  for (const [kind, expected] of [
    ['initial', 1],
    ['subscribe', 1],
    ['stale', 1],
    // The ACK or NACK is an event of its own.
    ['ack', 0],
  ] as const)
    test(`request (${kind}): ${expected} report`, (t) => {
      const { observer, reports, pass } = reporting(t, 0);
      observer.request?.(streamOf(1), { typeUrl: 'type', kind, isSubscribed: true });
      pass(reportDelayMs);
      assert.equal(reports(), expected);
    });

  test('a proxy is lost, and another one changes: the change is reported as soon as without a lost proxy', (t) => {
    const { observer, reports, pass } = reporting(t, 1);
    observer.request?.(streamOf(1), { typeUrl: 'type', kind: 'initial', isSubscribed: true });
    pass(reportDelayMs);
    pass(100);
    observer.streamClosed?.(streamOf(1), { code: 'CANCELLED', message: '', by: 'client' });
    pass(reportDelayMs);
    assert.equal(reports(), 2);
    pass(999);
    assert.equal(reports(), 2);
    pass(1);
    assert.equal(reports(), 3);
  });
});
