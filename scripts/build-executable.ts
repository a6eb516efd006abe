/**
 * Builds the command line with Node.js in it, for machines without Node.js:
 *
 *     npm run build:executable            # out/meshtrust-<version>-<platform>-<arch>.tar.gz
 *     node scripts/build-executable.ts DIR  # the unpacked folder only, in DIR/meshtrust
 *
 * It runs on the platform that built it. Node.js is the one that runs this script.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { serverFlags } from '../src/frontend/tune-heap.ts';
import { slimModules } from './slim-modules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

const readJson = async <T>(path: string): Promise<T> =>
  JSON.parse(await readFile(join(root, path), 'utf8')) as T;

/** Writes the folder `meshtrust` into `folder`: `bin` with the commands, and `lib` with everything else. */
async function assemble(folder: string): Promise<string> {
  const target = join(folder, 'meshtrust');
  const lib = join(target, 'lib');
  await rm(target, { recursive: true, force: true });
  await mkdir(join(target, 'bin'), { recursive: true });
  const [{ bin }, { packages }] = await Promise.all([
    readJson<{ readonly bin: Readonly<Record<string, string>> }>('package.json'),
    readJson<{ readonly packages: Readonly<Record<string, { readonly dev?: boolean }>> }>(
      'package-lock.json',
    ),
  ]);
  for (const part of ['bin', 'dist', 'proto', 'docs', 'package.json', 'LICENSE'])
    await cp(join(root, part), join(lib, part), {
      recursive: true,
      filter: (path) => !path.endsWith('.png'),
    });
  const nested = (path: string): boolean => basename(path) === 'node_modules';
  for (const [path, { dev }] of Object.entries(packages)) {
    if (path === '' || dev === true) continue;
    // The lock file also lists packages for other platforms, which are not installed.
    if (!existsSync(join(root, path))) continue;
    const filter = (from: string): boolean => !nested(from);
    await cp(join(root, path), join(lib, path), { recursive: true, filter, dereference: true });
  }
  await slimModules(lib);
  await copyFile(process.execPath, join(lib, 'node'));
  await chmod(join(lib, 'node'), 0o755);
  await copyLibraries(lib);
  for (const [name, file] of Object.entries(bin)) {
    await writeFile(join(target, 'bin', name), launcher(file), { mode: 0o755 });
  }
  return target;
}

/** Since version 25 Node.js needs libatomic, which small systems do not have. */
async function copyLibraries(lib: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const { stdout } = await run('ldd', [process.execPath]);
  const path = /libatomic\S* => (?<path>\S+)/.exec(stdout)?.groups?.['path'];
  if (path !== undefined) await copyFile(path, join(lib, basename(path)));
}

/**
 * A shell script that finds its folder, also through symbolic links, and starts the command. A server has its flags of
 * Node.js. Other commands have none, because they would take 8 ms longer to start.
 */
function launcher(file: string): string {
  return `#!/bin/sh
self=$0
while [ -h "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=\${self%/*}/$link ;;
  esac
done
lib=$(cd "\${self%/*}/../lib" && pwd) || exit 1
LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lib"
export LD_LIBRARY_PATH
flags=
case $1 in serve) flags='${serverFlags.join(' ')}' ;; esac
exec "$lib/node" $flags "$lib/${file}" "$@"
`;
}

const [given] = process.argv.slice(2);
await run('npm', ['run', 'build'], { cwd: root });
const target = await assemble(given ?? join(root, 'out'));
if (given === undefined) {
  const { version } = await readJson<{ readonly version: string }>('package.json');
  const name = `meshtrust-${version}-${process.platform}-${process.arch}.tar.gz`;
  const archive = join(dirname(target), name);
  await run('tar', ['-czf', archive, '-C', dirname(target), basename(target)]);
  console.log(archive);
} else console.log(target);
