import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { createTimeBudget } from '../../../../src/kubernetes/webhook/core/time-budget.ts';

suite('time budget', () => {
  test('new budget: is full, and used up when more than that was spent', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(99, 1000);
    assert.equal(budget.waitMs(1000), 0);
    budget.spend(1, 1000);
    assert.ok(budget.waitMs(1000) > 0);
  });

  test('spent budget: refills by its share of the time', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(150, 1000);
    assert.ok(budget.waitMs(1200) > 0);
    assert.equal(budget.waitMs(1201), 0);
  });

  test('used up budget: returns the milliseconds until time is left', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(150, 1000);
    const wait = budget.waitMs(1000);
    assert.equal(budget.waitMs(1000 + wait), 0);
    assert.ok(wait <= 201);
  });

  test('long idle budget: is at most full', () => {
    const budget = createTimeBudget({ burstMs: 100, share: 0.25 });
    budget.spend(100, 0);
    budget.spend(100, 1_000_000);
    assert.ok(budget.waitMs(1_000_000) > 0);
  });
});
