/**
 * Packs a library alone: `node scripts/pack-library.ts xds|grpc-server [DIRECTORY]` writes
 * `meshtrust-NAME-VERSION.tgz`. The package is put together in a folder of its own, so that nothing is built inside the
 * checkout.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentation } from '../src/cli/terminal/version.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each package has beside the compiled code, by its name in `packages/`. */
const contents = {
  xds: { readme: 'docs/xds-library.md', folders: ['proto'] },
  'grpc-server': { readme: 'docs/grpc-server-library.md', folders: [] },
} as const;

export type LibraryName = keyof typeof contents;

/** Writes the package to a directory, and returns the path of the tarball. */
export function packLibrary(name: LibraryName, directory: string): string {
  const { readme, folders } = contents[name];
  const folder = mkdtempSync(join(tmpdir(), `meshtrust-${name}-`));
  try {
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    execFileSync(tsc, ['-p', join(root, 'packages', name), '--outDir', join(folder, 'dist')], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    cpSync(join(root, 'packages', name, 'package.json'), join(folder, 'package.json'));
    writeFileSync(join(folder, 'README.md'), withAddresses(readFileSync(join(root, readme), 'utf8')));
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    for (const part of folders) cpSync(join(root, part), join(folder, part), { recursive: true });
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', resolve(directory)], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const tarball = readdirSync(directory).find((file) => file.startsWith(`meshtrust-${name}-`));
  if (tarball === undefined) throw new Error(`npm wrote no package to ${directory}`);
  return join(directory, tarball);
}

/** Replaces links to other pages of `docs`, which the package does not have, by their addresses for this version. */
function withAddresses(page: string): string {
  return page.replaceAll(/(?<=\]\()[\w/-]+\.md(?=[#)])/g, documentation);
}

if (import.meta.main) {
  const [, , name = '', directory = '.'] = process.argv;
  if (!Object.hasOwn(contents, name)) {
    process.stderr.write(`give the name of a package: ${Object.keys(contents).join(' or ')}\n`);
    process.exit(2);
  }
  process.stdout.write(`${packLibrary(name as LibraryName, directory)}\n`);
}
