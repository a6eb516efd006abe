import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeTempDir } from '../kit/temp-dir.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const consumer = `import { addXdsServices, createResource, createSnapshotStore } from 'meshtrust/xds';
import type { Resource } from 'meshtrust/xds';
const resource: Resource = createResource('a', new Uint8Array());
if (typeof addXdsServices !== 'function' || createSnapshotStore().get('', resource.name) !== undefined) throw new Error('not the library');
`;

test('the package that npm packs has the program and the library, with types, and no sources', async () => {
  await using dir = await makeTempDir();
  const [checkout, unpacked, user] = ['checkout', 'unpacked', 'user'].map((name) => dir.join(name)) as [
    string,
    string,
    string,
  ];
  for (const part of [
    'bin',
    'examples',
    'proto',
    'src',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
  ]) {
    await cp(join(root, part), join(checkout, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['-p', 'tsconfig.build.json'], { cwd: checkout });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir.path], { cwd: checkout });
  const [tarball] = (await readdir(dir.path)).filter((name) => name.endsWith('.tgz'));
  await mkdir(unpacked);
  await run('tar', ['-xzf', dir.join(tarball ?? assert.fail('no tarball')), '-C', unpacked]);
  assert.deepEqual((await readdir(join(unpacked, 'package'))).sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'dist',
    'examples',
    'package.json',
    'proto',
  ]);

  // Where the package would be installed, beside its dependencies.
  const modules = join(user, 'node_modules');
  await mkdir(modules, { recursive: true });
  await cp(join(unpacked, 'package'), join(modules, 'meshtrust'), { recursive: true });
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  const program = join(modules, 'meshtrust', 'bin', 'meshtrust.js');
  const { stdout } = await run(process.execPath, [
    program,
    'bundle',
    join(modules, 'meshtrust', 'examples', 'trust'),
  ]);
  assert.match(stdout, /trust domain default\.zone-2\.mesh\.local/);
  await writeFile(join(user, 'consumer.mts'), consumer);
  await run(process.execPath, [join(user, 'consumer.mts')]);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', 'node'];
  await run(tsc, [...options, 'consumer.mts'], { cwd: user });
});
