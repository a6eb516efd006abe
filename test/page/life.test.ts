import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { lifeState, positionOn, scaleOf, spanOn, yearsOn } from '../../src/page/life.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 23);
const life = (from: number, until: number) => ({ from: now + from * day, until: now + until * day });

describe('validity of a certificate on a time line', () => {
  const states = {
    valid: life(-10, 31),
    expiring: life(-10, 29),
    expired: life(-10, 0),
    future: life(1, 400),
  };
  for (const [state, dates] of Object.entries(states)) {
    it(`is ${state}`, () => assert.equal(lifeState(dates, now), state));
  }

  it('bar: has its position, with the present between past and future', () => {
    const scale = scaleOf([life(-100, 300)], now);
    const span = spanOn(life(-100, 300), scale);
    assert.ok(span !== undefined);
    const at = positionOn(now, scale);
    assert.ok(span.start < at && at < span.start + span.width);
    assert.deepEqual([span.cutBefore, span.cutAfter], [false, false]);
  });

  it('bar beyond the scale: is cut', () => {
    const root = life(-9000, 9000);
    const span = spanOn(root, scaleOf([root], now));
    assert.deepEqual(span, { start: 0, width: 1000, cutBefore: true, cutAfter: true });
  });

  it('validity long over: no bar', () => {
    assert.equal(spanOn(life(-5000, -4000), scaleOf([life(-5000, -4000)], now)), undefined);
  });

  it('any dates: the bar is on the line and visible, with few labels', () => {
    const dates = fc
      .tuple(fc.integer({ min: -20_000, max: 20_000 }), fc.integer({ min: 0, max: 20_000 }))
      .map(([from, length]) => life(from, from + length));
    fc.assert(
      fc.property(fc.array(dates, { maxLength: 10 }), (lives) => {
        const scale = scaleOf(lives, now);
        const at = positionOn(now, scale);
        assert.ok(at > 0 && at < 1000, 'the present is on it');
        for (const one of lives) {
          const span = spanOn(one, scale);
          if (span === undefined) continue;
          assert.ok(span.start >= 0 && span.start + span.width <= 1000.001 && span.width >= 4);
        }
        const years = yearsOn(scale);
        assert.ok(years.length <= 8);
        for (const year of years) assert.ok(year.at >= 0 && year.at <= 1000);
      }),
    );
  });
});
