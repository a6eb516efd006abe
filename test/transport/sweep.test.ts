import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Sweep } from '../../src/transport/sweep.ts';
import type { Swept } from '../../src/transport/sweep.ts';

class Item implements Swept {
  isUrgent = true;
  readonly checks: number[] = [];

  sweep(now: number): void {
    this.checks.push(now);
  }
}

/** Returns a sweep with items that are urgent for its first check only, at time 0. */
function settled(count: number): { readonly sweep: Sweep<Item>; readonly items: readonly Item[] } {
  const sweep = new Sweep<Item>();
  const items = Array.from({ length: count }, () => new Item());
  for (const item of items) {
    sweep.add(item);
    item.isUrgent = false;
  }
  sweep.check(0);
  for (const item of items) assert.deepEqual(item.checks.splice(0), [0]);
  return { sweep, items };
}

suite('sweep', () => {
  test('urgent item: is part of each check', () => {
    const [sweep, item] = [new Sweep<Item>(), new Item()];
    sweep.add(item);
    for (const now of [1, 2, 3]) sweep.check(now);
    assert.deepEqual(item.checks, [1, 2, 3]);
  });

  test('other items: each is part of every fourth check, and each check has as many as the others', () => {
    const { sweep, items } = settled(8);
    for (let now = 1; now <= 8; now += 1) sweep.check(now);
    const [visits, pauses] = [new Map<number, number>(), new Set<number>()];
    for (const { checks } of items) {
      const [first = 0, second = 0, ...more] = checks;
      assert.deepEqual(more, []);
      pauses.add(second - first);
      for (const now of checks) visits.set(now, (visits.get(now) ?? 0) + 1);
    }
    assert.deepEqual([...pauses], [4]);
    assert.deepEqual(
      [...visits.values()],
      Array.from({ length: 8 }, () => 2),
    );
  });

  test('item that becomes urgent: is part of each check from then on, until it is no longer', () => {
    const { sweep, items } = settled(1);
    const [item = new Item()] = items;
    item.isUrgent = true;
    sweep.hurry(item);
    for (const now of [1, 2]) sweep.check(now);
    assert.deepEqual(item.checks.splice(0), [1, 2]);
    item.isUrgent = false;
    for (let now = 3; now <= 7; now += 1) sweep.check(now);
    assert.equal(item.checks[0], 3);
    assert.equal(item.checks.length, 2);
  });

  test('item that is deleted: is not checked again, urgent or not, and cannot become urgent', () => {
    const { sweep, items } = settled(1);
    const [calm = new Item()] = items;
    const urgent = new Item();
    sweep.add(urgent);
    sweep.delete(urgent);
    sweep.delete(calm);
    sweep.hurry(calm);
    for (let now = 1; now <= 4; now += 1) sweep.check(now);
    assert.deepEqual([urgent.checks, calm.checks], [[], []]);
  });
});
