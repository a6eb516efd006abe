import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../src/runtime/clock.ts';

suite('clock of the system', () => {
  test('0 ms: calls back in the next turn of the event loop, and not earlier', async () => {
    const calls: string[] = [];
    systemClock.after(0, () => calls.push('next turn'));
    await Promise.resolve();
    assert.deepEqual(calls, []);
    await nextTurn();
    assert.deepEqual(calls, ['next turn']);
  });

  for (const milliseconds of [0, 1])
    test(`${milliseconds} ms, cancelled: does not call back`, async () => {
      const calls: string[] = [];
      const cancel = systemClock.after(milliseconds, () => calls.push('cancelled'));
      cancel();
      await new Promise<void>((resolve) => {
        systemClock.after(5, resolve);
      });
      assert.deepEqual(calls, []);
    });
});
