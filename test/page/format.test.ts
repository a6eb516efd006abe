import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { count, distance, duration } from '../../src/page/format.ts';

const [second, hour, day] = [1_000, 3_600_000, 86_400_000];

suite('durations in words', () => {
  const table: readonly (readonly [milliseconds: number, text: string])[] = [
    [0, '0 s'],
    [1_999, '1 s'],
    [59 * second, '59 s'],
    [60 * second, '1 min'],
    [hour - 1, '59 min'],
    [hour, '1 h'],
    [day, '1 d'],
    [700 * day, '700 d'],
    [800 * day, '2 y'],
  ];
  for (const [milliseconds, text] of table) test(text, () => assert.equal(duration(milliseconds), text));

  test('time before or after now: ago or in', () => {
    assert.deepEqual(
      [distance(5 * day, 0), distance(0, 5 * day), distance(7, 0)],
      ['in 5 d', '5 d ago', 'now'],
    );
  });
});

test('number with a noun: singular and plural', () => {
  assert.deepEqual(
    [count(1, 'proxy', 'proxies'), count(2_000, 'proxy', 'proxies'), count(0, 'error')],
    ['1 proxy', '2,000 proxies', '0 errors'],
  );
});
