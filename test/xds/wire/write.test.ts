import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { concat, concatKept, field, stringField, varint } from '../../../src/xds/wire/write.ts';

/** Reads a varint the slow way: the reference. */
function readVarint(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 7n) | BigInt(byte & 127), 0n);
}

suite('protobuf writer', () => {
  test('varint: decodes to the same number, and has the minimum length', () => {
    const bounds = [7, 14, 21, 28, 35, 42, 49].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, ...bounds)), (value) => {
        const bytes = varint(value);
        assert.equal(readVarint(bytes), BigInt(value));
        assert.equal(bytes.length, Math.max(1, Math.ceil(value.toString(2).length / 7)));
        bytes.forEach((byte, index) => assert.equal(byte >= 128, index < bytes.length - 1));
      }),
    );
  });

  test('bytes that are kept: are joined in a buffer of their own', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { maxLength: 4 }), (parts) => {
        const joined = concatKept(parts);
        assert.deepEqual([...joined], [...concat(parts)]);
        assert.equal(joined.buffer.byteLength, joined.length);
      }),
    );
  });

  test('length-delimited field: joins its parts', () => {
    assert.deepEqual([...field(1, Uint8Array.of(7), Uint8Array.of(8, 9))], [0x0a, 3, 7, 8, 9]);
    assert.deepEqual([...field(16, new Uint8Array(200))].slice(0, 4), [0x82, 0x01, 0xc8, 0x01]);
  });

  test('string field: is UTF-8, and empty strings are omitted', () => {
    assert.deepEqual([...stringField(2, 'é')], [0x12, 2, 0xc3, 0xa9]);
    assert.equal(stringField(2, '').length, 0);
  });
});
