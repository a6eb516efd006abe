import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createSettleTimer, settleTimesFor } from '../../../src/inputs/kubernetes/settle-timer.ts';

test('each restart: begins the quiet time again', (t) => {
  // The clock of the timer stands still, so only the quiet time counts.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let calls = 0;
  const timer = createSettleTimer(() => calls++);
  const maxMs = 10_000;
  timer.restart({ quietMs: 100, maxMs });
  t.mock.timers.tick(99);
  timer.restart({ quietMs: 1000, maxMs });
  t.mock.timers.tick(999);
  assert.equal(calls, 0);
  t.mock.timers.tick(1);
  assert.equal(calls, 1);
  timer.restart({ quietMs: 100, maxMs });
  timer.clear();
  t.mock.timers.tick(1000);
  assert.equal(calls, 1, 'a cleared timer does not call back');
});

test('no quiet time: the callback comes after the maximum', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = createSettleTimer(resolve);
  timer.restart({ quietMs: 3_600_000, maxMs: 5 });
  await promise;
});

test('several deletions: wait longer, and much longer if they are many', () => {
  const table = [
    [1, 1, 100, 100],
    [1, 5_000, 100, 100],
    [2, 5_000, 1_000, 10_000],
    [250, 5_000, 1_000, 10_000],
    [251, 5_000, 1_000, 300_000],
    [2, 3, 1_000, 300_000],
  ] as const;
  for (const [leaving, known, quietMs, maxMs] of table)
    assert.deepEqual(settleTimesFor(leaving, known, 100), { quietMs, maxMs }, `${leaving} of ${known}`);
});

test('slow mass deletion: is reported as one', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // The clock of the timer advances with the mocked time.
  let clock = 0;
  t.mock.method(performance, 'now', () => clock);
  const reported: number[] = [];
  let leaving = 0;
  const timer = createSettleTimer(() => {
    reported.push(leaving);
    leaving = 0;
  });
  const pass = (milliseconds: number): void => {
    clock += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  for (let index = 0; index < 5_000; index += 1) {
    leaving += 1;
    timer.restart(settleTimesFor(leaving, 5_000, 100));
    pass(10);
  }
  pass(1_000);
  assert.deepEqual(reported, [5_000]);
});
