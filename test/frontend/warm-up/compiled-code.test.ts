import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('compiled-code.ts', import.meta.url));
/** Room for the traces of a warm-up, in bytes. */
const maxBuffer = 64 * 1024 * 1024;

suite('code that a warm-up has compiled', () => {
  let lines: readonly string[] = [];
  let [warm, probe] = [0, 0];

  before(async () => {
    const flags = ['--trace-opt', '--trace-deopt'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], { maxBuffer });
    lines = stdout.split('\n');
    [warm, probe] = [lines.indexOf('warm'), lines.indexOf('probe')];
    assert.ok(0 < warm && warm < probe);
  });

  test('the first change of a counter discards nothing', () => {
    const discarded = (part: readonly string[]): readonly string[] =>
      part.filter((line) => line.includes('dependent field type constness changed'));
    // The warm-up itself discards some, so V8 reports it in these words.
    assert.ok(discarded(lines.slice(0, warm)).length > 0);
    assert.deepEqual(discarded(lines.slice(warm, probe)), []);
  });

  test('the first probe does not discard the code that reads sockets', () => {
    const about = (part: readonly string[], word: string): readonly string[] =>
      part.filter((line) => line.includes(word) && line.includes('onStreamRead'));
    assert.ok(about(lines.slice(0, warm), 'completed compiling').length > 0);
    assert.deepEqual(about(lines.slice(probe), 'deoptimizing'), []);
  });
});
