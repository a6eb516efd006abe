import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Output, OutputPool } from '../../src/http2/output.ts';

/** Writes a frame through a pool whose socket then has the given number of unsent bytes. */
function writeOne(unsent: number): { before: Buffer; after: Buffer; used: readonly string[] } {
  const used: string[] = [];
  const pool = new OutputPool(
    (work) => work(),
    (bytes) => used.push(bytes.toString('latin1')),
  );
  const before = pool.buffer;
  const output = new Output(pool, { write: () => undefined, unsent, end: () => undefined });
  output.begin();
  output.reserve(3).write('abc', output.at, 'latin1');
  output.end();
  return { before, after: pool.buffer, used };
}

suite('shared output buffer', () => {
  test('the kernel accepted all bytes: the buffer is used again, after the call about its last use', () => {
    const { before, after, used } = writeOne(0);
    assert.equal(after, before);
    assert.deepEqual(used, ['abc']);
  });

  for (const unsent of [1, 3])
    test(`the socket keeps ${unsent} of the bytes: it keeps the buffer, and the pool gets another`, () => {
      const { before, after, used } = writeOne(unsent);
      assert.notEqual(after, before);
      assert.deepEqual(used, []);
      assert.equal(before.toString('latin1', 0, 3), 'abc');
    });
});
