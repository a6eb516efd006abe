import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FieldScan } from '../../src/access-log/scan-fields.ts';

/** Returns the values of all fields with a length, as `tag: hex`, or `undefined` if something cannot be read. */
function scanAll(bytes: readonly number[], end = bytes.length): readonly string[] | undefined {
  const scan = new FieldScan(Buffer.from(bytes));
  const found: string[] = [];
  while (scan.next(end)) found.push(`${scan.tag}: ${scan.text('latin1')}`);
  return scan.isSound ? found : undefined;
}

/** Field 1 with the value `a`. */
const a = [10, 1, 97];
const more = (count: number): readonly number[] => Array.from({ length: count }, () => 0x80);

suite('fields of a message', () => {
  const cases: readonly (readonly [
    name: string,
    bytes: readonly number[],
    found: readonly string[] | undefined,
  ])[] = [
    ['no bytes: no field', [], []],
    ['two fields: both', [...a, 18, 0], ['10: a', '18: ']],
    [
      'value of 128 bytes: is read',
      [10, 0x80, 1, ...Array.from({ length: 128 }, () => 97)],
      [`10: ${'a'.repeat(128)}`],
    ],
    ['tag of four bytes: is read', [0x82, ...more(2), 1, 0], [`${2 ** 21 + 2}: `]],
    ['tag of five bytes: cannot be read', [0x82, ...more(3), 1, 0], undefined],
    ['tag of five bytes without a bit in the fifth: cannot be read', [0x8a, ...more(3), 0, 0], undefined],
    ['tag without an end: cannot be read', [0x8a], undefined],
    ['length of five bytes: cannot be read', [10, ...more(4), 0], undefined],
    ['length without an end: cannot be read', [10, 0x80], undefined],
    ['length is missing: cannot be read', [10], undefined],
    ['value that is too short: cannot be read', [10, 2, 97], undefined],
    ['integer of one byte: is skipped', [8, 1, ...a], ['10: a']],
    ['integer of 127: is skipped', [8, 127, ...a], ['10: a']],
    ['integer of 128: is skipped', [8, 0x80, 1, ...a], ['10: a']],
    ['integer of ten bytes: is skipped', [8, ...more(9), 1, ...a], ['10: a']],
    ['integer of eleven bytes: cannot be read', [8, ...more(10), 1, ...a], undefined],
    ['integer without an end: cannot be read', [8, 0x80], undefined],
    ['integer is missing: cannot be read', [8], undefined],
    ['eight bytes: are skipped', [9, 1, 2, 3, 4, 5, 6, 7, 8, ...a], ['10: a']],
    ['seven of eight bytes: cannot be read', [9, 1, 2, 3, 4, 5, 6, 7], undefined],
    ['four bytes: are skipped', [13, 1, 2, 3, 4, ...a], ['10: a']],
    ['three of four bytes: cannot be read', [13, 1, 2, 3], undefined],
    ['group: cannot be read', [11, ...a, 12], undefined],
  ];
  for (const [name, bytes, found] of cases)
    test(name, () => {
      assert.deepEqual(scanAll(bytes), found);
    });

  for (const [name, inner] of [
    ['an integer', [8, 0x80]],
    ['a tag', [0x88]],
    ['a length', [10, 0x80]],
  ] as const)
    test(`${name} that goes on after the end of the inner message: cannot be read`, () => {
      assert.equal(scanAll([...inner, 1, ...a], inner.length), undefined);
    });
});
