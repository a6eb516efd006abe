/**
 * Packs the library alone: `node scripts/pack-xds.ts [DIRECTORY]` writes `meshtrust-xds-VERSION.tgz`. The package is put
 * together in a folder of its own, so that nothing is built inside the checkout.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes the package to a directory, and returns the path of the tarball. */
export function packXds(directory: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshtrust-xds-'));
  try {
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    execFileSync(tsc, ['-p', join(root, 'packages/xds'), '--outDir', join(folder, 'dist')], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    cpSync(join(root, 'packages/xds/package.json'), join(folder, 'package.json'));
    cpSync(join(root, 'docs/xds-library.md'), join(folder, 'README.md'));
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    cpSync(join(root, 'proto'), join(folder, 'proto'), { recursive: true });
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', resolve(directory)], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const tarball = readdirSync(directory).find((name) => /^meshtrust-xds-.*\.tgz$/.test(name));
  if (tarball === undefined) throw new Error(`npm wrote no package to ${directory}`);
  return join(directory, tarball);
}

if (import.meta.main) process.stdout.write(`${packXds(process.argv[2] ?? '.')}\n`);
