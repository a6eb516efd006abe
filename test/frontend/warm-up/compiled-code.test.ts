import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('compiled-code.ts', import.meta.url));
/** Room for the traces of a warm-up, in bytes. */
const maxBuffer = 64 * 1024 * 1024;

suite('code that a warm-up has compiled', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--trace-deopt', script], { maxBuffer });
  const lines = stdout.split('\n');
  const [warm, probe] = [lines.indexOf('warm'), lines.indexOf('probe')];

  test('the first change of a counter discards nothing', () => {
    const discarded = (part: readonly string[]): readonly string[] =>
      part.filter((line) => line.includes('dependent field type constness changed'));
    assert.ok(warm > 0);
    // The warm-up itself discards some, so V8 reports it in these words.
    assert.ok(discarded(lines.slice(0, warm)).length > 0);
    assert.deepEqual(discarded(lines.slice(warm, probe)), []);
  });

  test('the first probe does not discard the code that reads sockets', () => {
    assert.ok(probe > 0);
    const discards = lines.slice(probe).filter((line) => line.includes('deoptimizing'));
    assert.deepEqual(
      discards.filter((line) => line.includes('onStreamRead')),
      [],
    );
  });
});
