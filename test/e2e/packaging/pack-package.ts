import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { TempDir } from '../../kit/temp-dir.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

/** The parts of a checkout from which the package is built. */
const parts = [
  'bin',
  'docs',
  'examples',
  'proto',
  'src',
  'package.json',
  'package-lock.json',
  'scripts/build-executable.ts',
  'scripts/slim-modules.ts',
  'tsconfig.json',
  'tsconfig.build.json',
  'deploy',
  'bench',
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'Dockerfile',
  'LICENSE',
];

/** Copies the checkout to `dir/checkout`, without its history, tests and tools, and links its dependencies. */
export async function copyCheckout(dir: TempDir): Promise<string> {
  const checkout = dir.join('checkout');
  for (const part of parts) await cp(join(root, part), join(checkout, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  return checkout;
}

/** Builds and packs a copy of the checkout in `dir/checkout`, and returns the path of the tarball in `dir`. */
export async function packPackage(dir: TempDir): Promise<string> {
  const checkout = await copyCheckout(dir);
  await run('npm', ['run', 'build'], { cwd: checkout });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir.path], { cwd: checkout });
  const [tarball] = (await readdir(dir.path)).filter((name) => name.endsWith('.tgz'));
  return dir.join(tarball ?? assert.fail('no tarball'));
}
