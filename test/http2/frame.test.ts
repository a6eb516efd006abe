import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readStreamId, readUint32, writeUint32 } from '../../src/http2/frame.ts';

suite('integers of frames', () => {
  for (const value of [0, 1, 0xff, 0x100, 0x12345678, 0x7fffffff, 0x80000000, 0xfedcba98, 0xffffffff])
    test(`0x${value.toString(16)}: is read and written as by Node.js`, () => {
      const bytes = Buffer.alloc(6);
      bytes.writeUInt32BE(value, 1);
      assert.equal(readUint32(bytes, 1), value);
      assert.equal(readStreamId(bytes, 1), value % 2 ** 31);
      const written = Buffer.alloc(6);
      writeUint32(written, 1, value);
      assert.deepEqual(written, bytes);
    });

  test('bytes past the end: are read as 0', () => {
    assert.equal(readUint32(Buffer.of(0x12), 0), 0x12000000);
  });
});
