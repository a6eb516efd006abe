import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTempDir } from './temp-dir.ts';

const root = new URL('../../', import.meta.url);
const { scripts } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const whole = scripts['test'] ?? '';
const runTests = await readFile(new URL('test/run-tests.ts', root), 'utf8');

/** Runs a test file as `npm test` does, with shorter limits. */
async function runFile(
  code: string,
  runLimitMs = 6_000,
): Promise<{ readonly code: number; readonly output: string }> {
  await using dir = await makeTempDir();
  const path = dir.join('probe.test.mjs');
  await writeFile(path, `import { test } from 'node:test';\n${code}\n`);
  const command = `${whole.replace(/ulimit -t \d+/, 'ulimit -t 2')} '${path}'`;
  const { NODE_TEST_CONTEXT: _, ...outside } = process.env;
  const child = spawn('sh', ['-c', command], {
    cwd: fileURLToPath(root),
    env: {
      ...outside,
      TEST_TIMEOUT_MS: '500',
      TEST_FILE_LIMIT_MS: '1500',
      TEST_RUN_LIMIT_MS: String(runLimitMs),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [exit] = (await once(child, 'exit')) as [number];
  return { code: exit, output: (await output).join('') };
}

suite('npm test', { concurrency: true }, () => {
  test('limits: a limit of CPU time for each process, and the limits of run-tests.ts', () => {
    assert.match(whole, /^ulimit -t \d+; node test\/run-tests\.ts$/);
    assert.match(runTests, /env\['TEST_TIMEOUT_MS'\] \?\? 300_000/);
    assert.match(runTests, /'--import', limits, .*`--test-timeout=\$\{testMs\}`/);
    assert.match(runTests, /limits = .*'kit\/file-limit\.ts'/);
  });

  const hangs = {
    'a test whose promise never settles':
      "setInterval(() => {}, 100).unref(); test('x', () => new Promise(() => setTimeout(() => {}, 1e6)));",
    'a timer that is left behind': "setInterval(() => {}, 100); test('x', () => {});",
    'a loop that never yields': "test('x', () => { for (;;); });",
    'an import that never settles': 'setInterval(() => {}, 100); await new Promise(() => {});',
  };
  // Only the limit of the whole run ends them.
  const holdOn = {
    'a child that holds the output of a test file that was ended': `import { spawn } from 'node:child_process';
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      test('x', () => new Promise(() => setTimeout(() => {}, 1e6)));`,
    'a synchronous wait for a child': `import { execFileSync } from 'node:child_process';
      test('x', () => void execFileSync('sleep', ['60']));`,
  };
  const cases = [
    ...Object.entries(hangs).map(([what, code]) => [what, code, 6_000] as const),
    ...Object.entries(holdOn).map(([what, code]) => [what, code, 2_000] as const),
  ];
  for (const [what, code, runLimitMs] of cases) {
    test(`${what}: the run ends, and fails`, { timeout: 30_000 }, async () => {
      const { code: exit, output } = await runFile(code, runLimitMs);
      assert.notEqual(exit, 0, output);
      assert.match(output, /probe\.test\.mjs|The tests are ended/);
    });
  }

  test('a test file that passes: the run passes', async () => {
    const { code: exit, output } = await runFile("test('x', () => {});");
    assert.equal(exit, 0, output);
  });
});
