import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TurboFanThreshold } from '../../../src/frontend/warm-up/turbofan-threshold.ts';

const run = promisify(execFile);
const module = new URL('../../../src/frontend/warm-up/turbofan-threshold.ts', import.meta.url).href;
const warmedUp = fileURLToPath(new URL('optimized.ts', import.meta.url));
/** V8 compiles when it decides to, and not in another thread later. */
const flags = ['--trace-opt', '--no-concurrent-recompilation'];
/** Room for the traces of a warm-up, in bytes. */
const maxBuffer = 64 * 1024 * 1024;

/** Returns the compilers that V8 has used for a function, by its trace. */
function compilersOf(name: string, trace: string): readonly string[] {
  const lines = trace.matchAll(/completed compiling \S+ <JSFunction (\S+).*\(target (\w+)\)/g);
  return [...lines].filter(([, compiled]) => compiled === name).map(([, , compiler]) => compiler ?? '');
}

/** Returns the compilers that V8 uses for a function that is called `calls` times. */
async function compilersAfter(when: TurboFanThreshold, calls: number): Promise<readonly string[]> {
  const script = `
    const { setTurboFanThreshold } = await import(${JSON.stringify(module)});
    setTurboFanThreshold(${JSON.stringify(when)});
    function called(number) { return (number * 7 + 3) % 1009; }
    let number = 1;
    for (let turn = 0; turn < ${calls / 100}; turn += 1) {
      for (let call = 0; call < 100; call += 1) number = called(number);
      await new Promise(setImmediate);
    }`;
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '-e', script], {
    maxBuffer,
  });
  return compilersOf('called', stdout);
}

suite('threshold of TurboFan', () => {
  const cases: readonly (readonly [TurboFanThreshold, number, readonly string[]])[] = [
    ['soon', 2_500, ['MAGLEV', 'TURBOFAN_JS']],
    ['usual', 2_500, ['MAGLEV']],
    ['usual', 10_000, ['MAGLEV', 'TURBOFAN_JS']],
    ['late', 10_000, ['MAGLEV']],
  ];
  for (const [when, calls, compilers] of cases)
    test(`${when}, ${calls} calls: is compiled with ${compilers.join(' and ')}`, async () => {
      assert.deepEqual(await compilersAfter(when, calls), compilers);
    });

  const forever = Number.POSITIVE_INFINITY;
  const warmUps: readonly (readonly [string, number, number, TurboFanThreshold])[] = [
    ['a whole warm-up: V8 optimizes late', forever, 3, 'late'],
    ['a warm-up that a proxy ends: V8 optimizes as usual', 100, 3, 'usual'],
    ['a warm-up that fails in its second part: V8 optimizes as usual', forever, 1, 'usual'],
    ['a warm-up that fails in its last part: V8 optimizes late', forever, 2, 'late'],
  ];
  for (const [name, asked, servers, threshold] of warmUps)
    test(name, async () => {
      const args = [...flags, warmedUp, String(asked), String(servers)];
      const { stdout } = await run(process.execPath, args, { maxBuffer });
      assert.deepEqual(compilersOf('calledSome', stdout), ['MAGLEV']);
      const often = threshold === 'late' ? ['MAGLEV'] : ['MAGLEV', 'TURBOFAN_JS'];
      assert.deepEqual(compilersOf('calledOften', stdout), often);
    });
});
