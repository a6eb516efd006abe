import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { createTokenBucket } from '../../../src/xds/rate/token-bucket.ts';
import type { TokenBucket } from '../../../src/xds/rate/token-bucket.ts';

function takeAll(bucket: TokenBucket, now: number): number {
  let taken = 0;
  while (bucket.take(now) === 0) taken += 1;
  return taken;
}

suite('token bucket', () => {
  test('new bucket: is full, and refills at its rate up to its burst', () => {
    const bucket = createTokenBucket({ perSecond: 10, burst: 5 });
    assert.equal(takeAll(bucket, 1_000_000), 5);
    assert.equal(takeAll(bucket, 1_000_099), 0);
    assert.equal(takeAll(bucket, 1_000_100), 1);
    assert.equal(takeAll(bucket, 1_000_400), 3);
    assert.equal(takeAll(bucket, 9_000_000), 5);
  });

  test('empty bucket: returns the time after which, and not before, a token is available', () => {
    for (const perSecond of [0.5, 3, 10, 700]) {
      const bucket = createTokenBucket({ perSecond, burst: 1 });
      assert.equal(bucket.take(5_000), 0);
      const wait = bucket.take(5_000);
      assert.equal(wait, Math.ceil(1000 / perSecond));
      assert.ok(bucket.take(5_000 + wait - 1) > 0, `${perSecond} a second`);
      assert.equal(bucket.take(5_000 + wait), 0, `${perSecond} a second`);
    }
  });

  test('token that is returned: is available at once, and never above the burst', () => {
    const bucket = createTokenBucket({ perSecond: 0.001, burst: 2 });
    bucket.restore();
    assert.equal(takeAll(bucket, 0), 2);
    bucket.restore();
    assert.equal(takeAll(bucket, 0), 1);
  });

  test('half a token: returns the time until the other half', () => {
    const bucket = createTokenBucket({ perSecond: 10, burst: 1 });
    assert.equal(bucket.take(0), 0);
    assert.equal(bucket.take(50), 50);
    assert.equal(bucket.take(90), 10);
  });

  test('random waits: gives at most its burst plus its rate times the elapsed time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 100 }),
        fc.array(fc.integer({ min: 0, max: 2_000 })),
        (perSecond, burst, waits) => {
          const bucket = createTokenBucket({ perSecond, burst });
          let [now, taken] = [0, 0];
          for (const wait of waits) {
            now += wait;
            taken += takeAll(bucket, now);
          }
          assert.ok(taken <= burst + (now / 1000) * perSecond + 1e-6);
        },
      ),
    );
  });
});
