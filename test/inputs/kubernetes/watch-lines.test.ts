import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLineSplitter } from '../../../src/inputs/kubernetes/watch-lines.ts';

test('lines in several pieces: are returned when they are complete', () => {
  const split = createLineSplitter();
  assert.deepEqual(split('a'), []);
  assert.deepEqual(split('b\nc\n\nd'), ['ab', 'c']);
  assert.deepEqual(split('\n'), ['d']);
});

test('line above the limit: is rejected', () => {
  const split = createLineSplitter(10);
  split('12345');
  assert.throws(() => split('678901'), RangeError);
});
