import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentTime } from '../../src/api/present-time.ts';

suite('presentTime', () => {
  test('times, new and repeated → RFC 3339 with milliseconds', () => {
    const start = Date.UTC(2026, 10, 28, 23, 59, 59, 999);
    const times = [start, start + 1, start, 0, -1, Date.UTC(9999, 11, 31), start + 1];
    assert.deepEqual(
      times.map((time) => presentTime(time)),
      times.map((time) => new Date(time).toISOString()),
    );
  });

  test('an unknown time → undefined', () => assert.equal(presentTime(undefined), undefined));
});
