import assert from 'node:assert/strict';
import { mock, suite, test } from 'node:test';
import { after, longestTimerMs, sleep, timerMs } from '../../../src/xds/timers/timers.ts';

suite('long timers', () => {
  test('delay above 2^31-1 ms: ends when it has passed, and not before', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let calls = 0;
    after(2 * longestTimerMs + 5, () => (calls += 1));
    mock.timers.tick(longestTimerMs);
    mock.timers.tick(longestTimerMs);
    mock.timers.tick(4);
    assert.equal(calls, 0);
    mock.timers.tick(1);
    assert.equal(calls, 1);
    mock.timers.reset();
  });

  test('delay above 2^31-1 ms, with real timers: does not end at once', async () => {
    let calls = 0;
    const cancels = [2 ** 31, 720 * 3_600_000, 2 ** 53].map((ms) => after(ms, () => (calls += 1)));
    await sleep(20);
    assert.equal(calls, 0);
    for (const cancel of cancels) cancel();
  });

  test('canceled timer: never calls back, even after it was armed again', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let calls = 0;
    const cancel = after(longestTimerMs + 5, () => (calls += 1));
    mock.timers.tick(longestTimerMs);
    cancel();
    mock.timers.tick(10);
    assert.equal(calls, 0);
    mock.timers.reset();
  });

  test('timerMs: returns the delay, at most the maximum of Node.js', () => {
    assert.deepEqual([0, 1_000, 2 ** 31 - 1, 2 ** 31, Infinity].map(timerMs), [
      0,
      1_000,
      2 ** 31 - 1,
      2 ** 31 - 1,
      2 ** 31 - 1,
    ]);
  });
});
