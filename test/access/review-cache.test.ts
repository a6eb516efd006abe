import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createReviewCache } from '../../src/access/review-cache.ts';
import type { SettledReview } from '../../src/access/review.ts';

const accepted: SettledReview = {
  kind: 'accepted',
  account: { kind: 'service-account', namespace: 'edge', name: 'envoy', pod: undefined },
};
const refused: SettledReview = { kind: 'refused', reason: 'token', message: 'no' };
const at = 1_000_000_000;

suite('remembered reviews of tokens', () => {
  const cases: readonly (readonly [
    what: string,
    review: SettledReview,
    expiresAt: number | undefined,
    later: number,
    isKnown: boolean,
  ])[] = [
    ['accepted token, just now', accepted, undefined, 0, true],
    ['accepted token, before the end of its time', accepted, undefined, 59_999, true],
    ['accepted token, after its time', accepted, undefined, 60_000, false],
    ['accepted token, after it has expired', accepted, at + 1_000, 1_000, false],
    ['refused token, before the end of its time', refused, undefined, 1_999, true],
    ['refused token, after its time', refused, undefined, 2_000, false],
    ['accepted token, after the clock was set back', accepted, undefined, -3_600_000, false],
    ['refused token, after the clock was set back', refused, undefined, -3_600_000, false],
  ];
  for (const [what, review, expiresAt, later, isKnown] of cases)
    test(`${what}: is ${isKnown ? 'known' : 'reviewed again'}`, () => {
      const cache = createReviewCache('meshtrust', 60_000);
      const key = cache.keyOf('token');
      cache.set(key, review, at, expiresAt);
      assert.equal(cache.get(key, at + later), isKnown ? review : undefined);
    });

  test('token that was refused, and is accepted now: the newer review counts', () => {
    const cache = createReviewCache('meshtrust', 60_000);
    const key = cache.keyOf('token');
    cache.set(key, refused, at, undefined);
    cache.set(key, accepted, at + 1, undefined);
    assert.equal(cache.get(key, at + 1), accepted);
  });
});
