import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('compiled-loops.ts', import.meta.url));
/** Room for the traces of a warm-up, in bytes. */
const maxBuffer = 64 * 1024 * 1024;

test('the first change of a counter after the warm-up discards no compiled code', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--trace-deopt', script], { maxBuffer });
  const discarded = (lines: readonly string[]): readonly string[] =>
    lines.filter((line) => line.includes('dependent field type constness changed'));
  const lines = stdout.split('\n');
  const warm = lines.indexOf('warm');
  assert.ok(warm > 0);
  // The warm-up itself discards some, so V8 reports it in these words.
  assert.ok(discarded(lines.slice(0, warm)).length > 0);
  assert.deepEqual(discarded(lines.slice(warm)), []);
});
