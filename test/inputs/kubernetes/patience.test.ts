import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffMs } from '../../../src/kubernetes/client/backoff.ts';
import { createQuietTimer } from '../../../src/inputs/kubernetes/quiet-timer.ts';
import { patienceFor } from '../../../src/inputs/kubernetes/settling.ts';
import { createLineSplitter } from '../../../src/inputs/kubernetes/watch-lines.ts';

test('waits double up to ten seconds, the half of them by chance', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((attempts) => backoffMs(attempts, undefined, () => 1));
  assert.deepEqual(longest, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(
    backoffMs(7, undefined, () => 0),
    5000,
  );
});

test('what the API server asks for is kept to, up to a minute', () => {
  assert.equal(
    backoffMs(1, 7000, () => 0),
    7000,
  );
  assert.equal(
    backoffMs(0, 3_600_000, () => 0),
    60_000,
  );
});

test('quiet begins anew with each touch, but not for ever', (t) => {
  // The timer reads the clock as well, which stands still here: only the quiet counts.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let calls = 0;
  const timer = createQuietTimer(() => calls++);
  const longestMs = 10_000;
  timer.touch({ quietMs: 100, longestMs });
  t.mock.timers.tick(99);
  timer.touch({ quietMs: 1000, longestMs });
  t.mock.timers.tick(999);
  assert.equal(calls, 0);
  t.mock.timers.tick(1);
  assert.equal(calls, 1);
  timer.touch({ quietMs: 100, longestMs });
  timer.clear();
  t.mock.timers.tick(1000);
  assert.equal(calls, 1, 'what is cleared does not call');
});

test('a quiet that does not come is cut short', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = createQuietTimer(resolve);
  timer.touch({ quietMs: 3_600_000, longestMs: 5 });
  await promise;
});

test('deletions wait for more of them, and much longer where they become many', () => {
  const table = [
    [1, 1, 100, 100],
    [1, 5_000, 100, 100],
    [2, 5_000, 1_000, 10_000],
    [250, 5_000, 1_000, 10_000],
    [251, 5_000, 1_000, 300_000],
    [2, 3, 1_000, 300_000],
  ] as const;
  for (const [leaving, known, quietMs, longestMs] of table)
    assert.deepEqual(patienceFor(leaving, known, 100), { quietMs, longestMs }, `${leaving} of ${known}`);
});

test('a mass deletion is one, however long the API server takes for it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // The clock that the timer reads goes with the time that is played.
  let clock = 0;
  t.mock.method(performance, 'now', () => clock);
  const told: number[] = [];
  let leaving = 0;
  const timer = createQuietTimer(() => {
    told.push(leaving);
    leaving = 0;
  });
  const pass = (milliseconds: number): void => {
    clock += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  for (let index = 0; index < 5_000; index += 1) {
    leaving += 1;
    timer.touch(patienceFor(leaving, 5_000, 100));
    pass(10);
  }
  pass(1_000);
  assert.deepEqual(told, [5_000]);
});

test('lines come when they are complete, whatever the pieces', () => {
  const split = createLineSplitter();
  assert.deepEqual(split('a'), []);
  assert.deepEqual(split('b\nc\n\nd'), ['ab', 'c']);
  assert.deepEqual(split('\n'), ['d']);
});

test('a line without end is not kept', () => {
  const split = createLineSplitter(10);
  split('12345');
  assert.throws(() => split('678901'), RangeError);
});
