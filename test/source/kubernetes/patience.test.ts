import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffMs } from '../../../src/source/kubernetes/backoff.ts';
import { createQuietTimer } from '../../../src/source/kubernetes/quiet-timer.ts';
import { createLineSplitter } from '../../../src/source/kubernetes/watch-lines.ts';

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
  const timer = createQuietTimer(10_000, () => calls++);
  timer.touch(100);
  t.mock.timers.tick(99);
  timer.touch(1000);
  t.mock.timers.tick(999);
  assert.equal(calls, 0);
  t.mock.timers.tick(1);
  assert.equal(calls, 1);
  timer.touch(100);
  timer.clear();
  t.mock.timers.tick(1000);
  assert.equal(calls, 1, 'what is cleared does not call');
});

test('a quiet that does not come is cut short', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = createQuietTimer(5, resolve);
  timer.touch(3_600_000);
  await promise;
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
