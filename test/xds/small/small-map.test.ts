import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SmallMap } from '../../../src/xds/small/small-map.ts';
import * as fc from '../../kit/fast-check.ts';

const key = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, value: fc.option(fc.nat(9), { nil: undefined }) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
);

suite('small map', () => {
  test('random changes: has the entries of a Map, in the same order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const map = new Map<string, number | undefined>();
        const small = new SmallMap<string, number | undefined>();
        for (const one of steps) {
          if (one.kind === 'delete') assert.equal(small.delete(one.key), map.delete(one.key));
          else {
            small.set(one.key, one.value);
            map.set(one.key, one.value);
          }
          assert.equal(small.size, map.size);
          assert.deepEqual([...small.entries()], [...map.entries()]);
          assert.deepEqual([...small.keys()], [...map.keys()]);
          assert.deepEqual([...small.values()], [...map.values()]);
          for (const name of ['a', 'b', 'c']) {
            assert.equal(small.has(name), map.has(name));
            assert.equal(small.get(name), map.get(name));
          }
          if (small.onlyKey !== undefined) assert.deepEqual([small.onlyKey], [...map.keys()]);
          if (map.size === 0) assert.equal(small.onlyKey, undefined);
        }
      }),
    );
  });

  test('one entry: is the only key', () => {
    const small = new SmallMap<string, number>();
    small.set('a', 1);
    assert.equal(small.onlyKey, 'a');
  });
});
