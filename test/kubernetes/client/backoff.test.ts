import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffMs } from '../../../src/kubernetes/client/backoff.ts';

test('failed attempts: the wait doubles up to ten seconds, and half of it is random', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((attempts) => backoffMs(attempts, undefined, () => 1));
  assert.deepEqual(longest, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(
    backoffMs(7, undefined, () => 0),
    5000,
  );
});

test('Retry-After: is the minimum wait, up to a minute', () => {
  assert.equal(
    backoffMs(1, 7000, () => 0),
    7000,
  );
  assert.equal(
    backoffMs(0, 3_600_000, () => 0),
    60_000,
  );
});
