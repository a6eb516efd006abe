import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { serverFlags } from '../../../src/frontend/tune-heap.ts';
import { findKubernetes } from '../../kit/kubernetes.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { copyCheckout } from './pack-package.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);
const kubernetes = await findKubernetes();
const dir = await makeTempDir();
const tools = dir.join('tools');
const bin = dir.join('out', 'meshtrust', 'bin');

before(async () => {
  const checkout = await copyCheckout(dir);
  await run(process.execPath, ['scripts/build-executable.ts', dir.join('out')], { cwd: checkout });
  // The only program that the launcher needs; the folder has no Node.js, as /usr/bin may have.
  await mkdir(tools);
  await symlink((await run('which', ['readlink'])).stdout.trim(), join(tools, 'readlink'));
  // A link as a user makes it in a folder of the PATH.
  await symlink(join(bin, 'meshtrust'), dir.join('linked'));
});
after(() => dir[Symbol.asyncDispose]());

/** Runs a program without Node.js on the PATH. */
const alone = (file: string, args: readonly string[], path = tools) =>
  run(file, args, { env: { PATH: path, HOME: dir.path } });

test('no Node.js on the PATH: meshtrust and kubectl-meshtrust run, also through a link', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  for (const file of [join(bin, 'meshtrust'), dir.join('linked'), join(bin, 'kubectl-meshtrust')])
    assert.deepEqual(await alone(file, ['--version']), { stdout: `${version}\n`, stderr: '' });
});

test('no Node.js on the PATH: validate reads files', async () => {
  const { stderr } = await alone(join(bin, 'meshtrust'), ['validate', join(root, 'examples/trust')]);
  assert.match(stderr, /^2 MeshTrusts accepted; 0 errors, /m);
});

test('bundle --format pem, which loads a part of the program late: prints certificates', async () => {
  const args = ['bundle', join(root, 'examples/trust'), '--format=pem'];
  assert.match((await alone(join(bin, 'meshtrust'), args)).stdout, /^-----BEGIN CERTIFICATE-----$/m);
});

test('serve --kubernetes: loads client-node, which is there without its generated API', async () => {
  const args = ['serve', '--kubernetes', '--kubeconfig=/nonexistent/kubeconfig'];
  const { code, stderr } = await alone(join(bin, 'meshtrust'), args).then(
    () => assert.fail('it started'),
    (error: unknown) => error as { readonly code: number; readonly stderr: string },
  );
  assert.equal(code, 5);
  assert.match(stderr, /\/nonexistent\/kubeconfig/);
  const gen = join(bin, '../lib/node_modules/@kubernetes/client-node/dist/gen');
  assert.ok((await readdir(gen, { recursive: true })).length < 10);
});

test('flags of Node.js: a server has them, other commands have none', async () => {
  const printing = `--import=data:text/javascript,process.stderr.write(JSON.stringify(process.execArgv)+'\\n')`;
  const flagsOf = async (args: readonly string[]): Promise<unknown> => {
    const env = { PATH: tools, HOME: dir.path, NODE_OPTIONS: printing };
    const ended = run(join(bin, 'meshtrust'), args, { env });
    // Without arguments, it prints its help and fails.
    const { stderr } = await ended.catch((error: unknown) => error as { readonly stderr: string });
    return JSON.parse(stderr.split('\n')[0] ?? '');
  };
  assert.deepEqual(await flagsOf(['serve', '--help']), serverFlags);
  assert.deepEqual(await flagsOf(['--help']), []);
  assert.deepEqual(await flagsOf([]), []);
});

test('licences that are Markdown: are kept', async () => {
  const lib = join(bin, '../lib/node_modules');
  assert.match(await readFile(join(lib, 'jose/LICENSE.md'), 'utf8'), /MIT/);
});

test(
  'kubectl with the executable on its PATH: finds the plugin',
  { skip: kubernetes.kind === 'missing' ? kubernetes.reason : false },
  async () => {
    assert.ok(kubernetes.kind === 'found');
    const path = `${bin}:${dirname(kubernetes.paths.kubectl)}:${tools}`;
    const { stdout } = await alone(kubernetes.paths.kubectl, ['meshtrust', '--help'], path);
    assert.match(stdout, /kubectl meshtrust/);
  },
);
