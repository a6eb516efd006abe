import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { exceededLimit } from '../../src/text/json-extent.ts';
import * as fc from '../kit/fast-check.ts';

const limits = { marks: 10, depth: 3 };
const exceededBy = (text: string) => exceededLimit(Buffer.from(text), limits);

/** Counts the marks and the depth of a value without serializing it. */
function extentOf(value: unknown): { readonly marks: number; readonly depth: number } {
  if (typeof value !== 'object' || value === null) return { marks: 0, depth: 0 };
  const inner = Object.values(value).map(extentOf);
  const own = 2 + Math.max(0, inner.length - 1) + (Array.isArray(value) ? 0 : inner.length);
  return {
    marks: inner.reduce((sum, { marks }) => sum + marks, own),
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
  };
}

suite('extent of a JSON text', () => {
  const cases: readonly (readonly [text: string, exceeded: string | undefined])[] = [
    ['[1,2,3,4,5,6,7,8,9]', undefined],
    ['[1,2,3,4,5,6,7,8,9,0]', 'marks'],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5}', 'marks'],
    ['{"a":1,"b":2,"c":3}', undefined],
    ['[[[]]]', undefined],
    ['[[[[', 'depth'],
    ['"[[[[[[[[[[[[[[["', undefined],
    ['"\\"[[[[[[[[[[[[[[["', undefined],
    ['"\\\\"[[[[', 'depth'],
    ['"never closed [[[[[[', undefined],
    ['"ends in a backslash\\', undefined],
    ['', undefined],
  ];
  for (const [text, exceeded] of cases)
    test(`${text}: ${exceeded ?? 'within the limits'}`, () => assert.equal(exceededBy(text), exceeded));

  test('any JSON value: exactly those with more marks or depth exceed a limit', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(40), fc.nat(5), (value, marks, depth) => {
        const extent = extentOf(JSON.parse(JSON.stringify(value)));
        const exceeded = exceededLimit(Buffer.from(JSON.stringify(value)), { marks, depth });
        assert.equal(exceeded !== undefined, extent.marks > marks || extent.depth > depth);
      }),
    );
  });
});
