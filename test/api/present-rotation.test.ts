import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentRotation } from '../../src/api/present-rotation.ts';
import { drained } from '../trust/rotation/facts.ts';

suite('a rotation, as the API shows it', () => {
  for (const [leafTtlMs, seconds] of [
    [300, 1],
    [3_600_400, 3_601],
    [3_600_000, 3_600],
  ] as const)
    test(`leaves of ${leafTtlMs} ms: ${seconds} s, so that no leaf is valid for longer`, () => {
      const place = { mesh: 'default', trustDomain: 'a.test', place: undefined };
      assert.equal(presentRotation(place, drained({}, { leafTtlMs })).leafTtlSeconds, seconds);
    });
});
