import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createTimeBudget } from '../../src/webhook/core/time-budget.ts';

describe('a budget of time', () => {
  it('is full at first, and used up once more than that was spent', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(99, 1000);
    assert.ok(budget.isLeft(1000));
    budget.spend(1, 1000);
    assert.ok(!budget.isLeft(1000));
  });

  it('comes back by its share of the time', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(150, 1000);
    assert.ok(!budget.isLeft(1200));
    assert.ok(budget.isLeft(1201));
  });

  it('is never more than full', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(100, 0);
    budget.spend(100, 1_000_000);
    assert.ok(!budget.isLeft(1_000_000));
  });
});
