import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterListLimits, createListBudget, defaultListLimits } from '../../src/net/list-budget.ts';

const page = ['a', 'bc'].map((text) => ({ text }));
const limits = { items: 4, characters: 6, ms: 1000 };

for (const [what, changed, reason] of [
  ['items', { items: 3 }, 'the list has more than 3 resources'],
  ['characters', { characters: 5 }, 'the resources of the list have more than 5 characters'],
] as const)
  test(`more ${what} than the limit, over all pages: fails`, () => {
    const budget = createListBudget({ ...limits, ...changed });
    assert.equal(budget.add(page), undefined);
    assert.equal(budget.add(page), reason);
  });

test('as much as the limits allow: does not fail', () => {
  const budget = createListBudget(limits);
  assert.deepEqual([budget.add(page), budget.add(page)], [undefined, undefined]);
});

test('pages that go on for longer than the limit, even without items: fail', (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const budget = createListBudget(limits);
  now = 1000;
  assert.equal(budget.add([]), undefined);
  now = 1001;
  assert.equal(budget.add([]), 'the list does not end within 1 s');
});

test('list of the own cluster: may have several times as much as one of another party', () => {
  const large = [{ text: 'x'.repeat(2 ** 20) }];
  const reasons = [defaultListLimits, clusterListLimits].map((own) => {
    const budget = createListBudget(own);
    return Array.from({ length: 400 }, () => budget.add(large)).find((reason) => reason !== undefined);
  });
  assert.deepEqual(reasons, ['the resources of the list have more than 134217728 characters', undefined]);
});
