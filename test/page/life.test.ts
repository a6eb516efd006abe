import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { lifeState, marks, positionOf, spanOf } from '../../src/page/life.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 23);
const life = (from: number, until: number) => ({ from: now + from * day, until: now + until * day });

suite('validity of a certificate on a time line', () => {
  const states = {
    valid: life(-10, 31),
    expiring: life(-10, 29),
    expired: life(-10, 0),
    future: life(1, 400),
  };
  for (const [state, dates] of Object.entries(states)) {
    test(`day ${(dates.from - now) / day} to day ${(dates.until - now) / day}: ${state}`, () =>
      assert.equal(lifeState(dates, now), state));
  }

  test('CA with 5 days left: has a seventh of the axis after the present', () => {
    const after = positionOf(now + 5 * day, now) - positionOf(now, now);
    assert.ok(after > 1000 / 7, String(after));
  });

  test('bar: begins before the present and ends after it', () => {
    const span = spanOf(life(-100, 300), now);
    assert.ok(span !== undefined);
    const at = positionOf(now, now);
    assert.ok(span.start < at && at < span.start + span.width);
  });

  test('validity beyond both ends of the axis: fills it', () =>
    assert.deepEqual(spanOf(life(-9000, 9000), now), { start: 0, width: 1000 }));

  test('validity that ended before the axis begins: no bar', () =>
    assert.equal(spanOf(life(-5000, -4000), now), undefined));

  test('marks: are in order, at least a twentieth of the axis apart', () => {
    const at = marks.map(({ after }) => positionOf(now + after, now));
    for (const [index, position] of at.slice(1).entries()) assert.ok(position - (at[index] ?? 0) >= 50);
    assert.equal(at.at(-1), 1000);
  });

  test('any dates: the bar is on the axis and visible, and a later time is never further left', () => {
    const days = fc.integer({ min: -20_000, max: 20_000 });
    fc.assert(
      fc.property(days, fc.integer({ min: 0, max: 20_000 }), (from, length) => {
        const span = spanOf(life(from, from + length), now);
        if (span !== undefined)
          assert.ok(span.start >= 0 && span.start + span.width <= 1000.001 && span.width >= 12);
        assert.ok(positionOf(now + from * day, now) <= positionOf(now + (from + length) * day, now));
      }),
    );
  });
});
