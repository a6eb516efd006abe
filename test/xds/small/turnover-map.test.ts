import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TurnoverMap } from '../../../src/xds/small/turnover-map.ts';
import * as fc from '../../kit/fast-check.ts';

const step = fc.record({
  kind: fc.constantFrom('set', 'delete'),
  key: fc.nat(39),
  value: fc.option(fc.nat(9), { nil: undefined }),
});

suite('turnover map', () => {
  test('random changes of 40 keys, some of them with the same number: has the entries of a Map', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const keys = Array.from({ length: 40 }, (_, index) => ({ id: index % 30 }));
        const expected = new Map<{ readonly id: number }, number | undefined>();
        const map = new TurnoverMap<{ readonly id: number }, number | undefined>();
        for (const { kind, key: index, value } of steps) {
          const key = keys[index];
          assert.ok(key);
          if (kind === 'delete') assert.equal(map.delete(key), expected.delete(key));
          else {
            map.set(key, value);
            expected.set(key, value);
          }
        }
        for (const key of keys) {
          assert.equal(map.has(key), expected.has(key));
          assert.equal(map.get(key), expected.get(key));
        }
      }),
    );
  });
});
