import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstRetryMs, intervalMs, nextFetchMs } from '../../../src/trust/federation/poll-schedule.ts';

const limits = { minIntervalMs: 30_000, maxIntervalMs: 900_000 };

test('interval: is the hint within the limits, and five minutes without one', () => {
  const hints = [undefined, 1, 60, 86_400, Number.MAX_SAFE_INTEGER];
  assert.deepEqual(
    hints.map((hint) => intervalMs(hint, limits)),
    [300_000, 30_000, 60_000, 900_000, 900_000],
  );
});

test('fetches of several servers: are spread over the last tenth of the interval, and never late', () => {
  const waits = Array.from({ length: 1000 }, (_, index) => nextFetchMs(300_000, `server ${index}`));
  assert.ok(waits.every((wait) => wait >= 270_000 && wait <= 300_000));
  assert.ok(new Set(waits).size > 900);
  assert.equal(nextFetchMs(300_000, 'server 1'), waits[1]);
});

test('endpoint that was never fetched: is tried again soon, then every minute', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 100].map(firstRetryMs),
    [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000],
  );
});
