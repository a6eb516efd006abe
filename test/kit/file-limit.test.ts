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

/** Runs a test file as `npm test` does, with shorter limits. */
async function runFile(code: string): Promise<{ readonly code: number; readonly output: string }> {
  await using dir = await makeTempDir();
  const path = dir.join('probe.test.mjs');
  await writeFile(path, `import { test } from 'node:test';\n${code}\n`);
  const command = whole
    .replace("'test/**/*.test.ts'", `'${path}'`)
    .replace(/--test-timeout=\d+/, '--test-timeout=500')
    .replace(/ulimit -t \d+/, 'ulimit -t 2');
  const { NODE_TEST_CONTEXT: _, ...outside } = process.env;
  const child = spawn('sh', ['-c', command], {
    cwd: fileURLToPath(root),
    env: { ...outside, TEST_FILE_LIMIT_MS: '1500' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [exit] = (await once(child, 'exit')) as [number];
  return { code: exit, output: (await output).join('') };
}

suite('npm test', { concurrency: true }, () => {
  test('limits: a time-out for each test, and limits for each file', () => {
    assert.match(whole, /--test-timeout=300000 /);
    assert.match(whole, /--import \.\/test\/kit\/file-limit\.ts /);
    assert.match(whole, /^ulimit -t \d+/);
  });

  const hangs = {
    'a test whose promise never settles':
      "setInterval(() => {}, 100).unref(); test('x', () => new Promise(() => setTimeout(() => {}, 1e6)));",
    'a timer that is left behind': "setInterval(() => {}, 100); test('x', () => {});",
    'a loop that never yields': "test('x', () => { for (;;); });",
    'an import that never settles': 'setInterval(() => {}, 100); await new Promise(() => {});',
  };
  for (const [what, code] of Object.entries(hangs)) {
    test(`${what}: the run ends, and fails`, { timeout: 30_000 }, async () => {
      const { code: exit, output } = await runFile(code);
      assert.notEqual(exit, 0, output);
      assert.match(output, /probe\.test\.mjs/);
    });
  }

  test('a test file that passes: the run passes', async () => {
    const { code: exit, output } = await runFile("test('x', () => {});");
    assert.equal(exit, 0, output);
  });
});
