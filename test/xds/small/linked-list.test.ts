import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LinkedList } from '../../../src/xds/small/linked-list.ts';
import type { ListEntry } from '../../../src/xds/small/linked-list.ts';
import * as fc from '../../kit/fast-check.ts';

interface Item extends ListEntry<Item> {
  readonly name: string;
}

const step = fc.record({
  kind: fc.constantFrom('add', 'delete'),
  list: fc.nat(1),
  item: fc.nat(3),
});

suite('linked list', () => {
  test('random changes: has the entries of a Set, in the same order, and an entry is in one list at most', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const items: Item[] = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
        const lists = [new LinkedList<Item>(), new LinkedList<Item>()];
        const sets = [new Set<Item>(), new Set<Item>()];
        for (const { kind, list: at, item: index } of steps) {
          const [item, list, set] = [items[index], lists[at], sets[at]];
          assert.ok(item !== undefined && list !== undefined && set !== undefined);
          if (kind === 'delete') assert.equal(list.delete(item), set.delete(item));
          else {
            list.add(item);
            for (const one of sets) one.delete(item);
            set.add(item);
          }
          for (const [position, one] of lists.entries()) {
            const expected = [...(sets[position] ?? [])];
            assert.deepEqual(
              [...one].map(({ name }) => name),
              expected.map(({ name }) => name),
            );
            assert.equal(one.size, expected.length);
            assert.equal(one.first, expected[0]);
            for (const other of items) assert.equal(one.has(other), expected.includes(other));
          }
        }
      }),
    );
  });

  test('the current entry is removed during an iteration: the next one follows', () => {
    const list = new LinkedList<Item>();
    for (const name of ['a', 'b', 'c']) list.add({ name });
    const seen: string[] = [];
    for (const item of list) {
      seen.push(item.name);
      list.delete(item);
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
    assert.equal(list.size, 0);
  });
});
