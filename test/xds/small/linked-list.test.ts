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

  test('visits: continue before the last one, and begin with the last entry again', () => {
    const [list, other] = [new LinkedList<Item>(), new LinkedList<Item>()];
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name): Item => ({ name }));
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined && e !== undefined);
    const next = (count: number, during: (item: Item) => void = () => undefined): string => {
      let seen = '';
      list.visitNext(count, (item) => {
        seen += item.name;
        during(item);
      });
      return seen;
    };
    assert.equal(next(1), '');
    for (const item of [a, b, c, d]) list.add(item);
    assert.equal(next(0), '');
    assert.equal(next(3), 'dcb');
    assert.equal(next(3), 'adc');
    assert.equal(next(9), 'badc', 'each once');
    list.delete(b);
    assert.equal(next(1), 'a', 'the next one was removed');
    assert.equal(next(2), 'dc');
    list.delete(a);
    assert.equal(next(2), 'dc', 'the next one was removed, and was the first');
    assert.equal(next(1), 'd');
    other.add(c);
    assert.equal(next(1), 'd', 'the next one went to another list');
    for (const item of [a, b, c]) list.add(item);
    assert.equal(next(2), 'cb');
    list.add(e);
    assert.equal(next(2), 'ad', 'one was added at the end');
    assert.equal(
      next(5, (item) => list.delete(item)),
      'ecbad',
      'each removes itself',
    );
    for (const item of [a, b, c]) list.add(item);
    assert.equal(
      next(3, (item) => void (item === c && list.delete(b))),
      'cac',
      'one removes another',
    );
  });

  test('visits while most entries are replaced: the others are visited all the same', () => {
    const list = new LinkedList<Item>();
    const lasting = Array.from({ length: 20 }, (_, index) => ({ name: `lasting ${index}`, visits: 0 }));
    for (const item of lasting) list.add(item);
    let brief: Item[] = [];
    for (let round = 0; round < 40; round += 1) {
      for (const item of brief) list.delete(item);
      brief = Array.from({ length: 30 }, (_, index) => ({ name: `brief ${index}` }));
      for (const item of brief) list.add(item);
      list.visitNext(Math.ceil(list.size / 4), (item) => {
        const found = lasting.find((one) => one === item);
        if (found !== undefined) found.visits += 1;
      });
    }
    // A pass takes at most as many rounds as there are quarters of a list.
    for (const { name, visits } of lasting) assert.ok(visits >= 40 / 5, `${name}: ${visits}`);
  });

  test('random changes during an iteration: visits the entries that a Set would visit', () => {
    const visits = fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(visits, (changes) => {
        /** Iterates over a, b and c, and makes the changes of each visit. Returns the visited names. */
        function visit(
          entries: Iterable<Item>,
          apply: (item: Item, kind: string) => void,
        ): readonly string[] {
          const seen: string[] = [];
          for (const { name } of entries) {
            seen.push(name);
            const made = changes[seen.length - 1];
            if (made === undefined) break;
            for (const { kind, item } of made) apply(items[item] ?? { name: '' }, kind);
          }
          return seen;
        }

        const items: Item[] = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
        const [list, set] = [new LinkedList<Item>(), new Set<Item>()];
        for (const item of items.slice(0, 3)) {
          list.add(item);
          set.add(item);
        }
        const ofList = visit(
          list,
          (item, kind) => void (kind === 'add' ? list.add(item) : list.delete(item)),
        );
        const ofSet = visit(set, (item, kind) => {
          set.delete(item);
          if (kind === 'add') set.add(item);
        });
        assert.deepEqual(ofList, ofSet);
        assert.deepEqual([...list], [...set]);
      }),
    );
  });
});
