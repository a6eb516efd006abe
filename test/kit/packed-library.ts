import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packLibrary } from '../../scripts/pack-library.ts';
import type { LibraryName } from '../../scripts/pack-library.ts';
import { linksOf } from './markdown-links.ts';
import { makeTempDir } from './temp-dir.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const run = promisify(execFile);

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The compiler options of a strict project that checks the types of its dependencies as well. */
const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  module: 'nodenext',
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  types: ['node'],
  outDir: 'out',
};

/** A project with one package of `packages/`, which was packed and unpacked as npm does. */
export interface PackedLibrary extends AsyncDisposable {
  /** The folder of the package. */
  readonly installed: string;
  readonly manifest: Manifest;
  /** The README of the package. */
  readonly readme: string;
  /** Compiles a file of the project. Returns the path of the compiled file. */
  compile(file: string, text: string): Promise<string>;
  /** Asserts that the package has the version of the program, and its ranges of these dependencies alone. */
  checkManifest(dependencies: readonly string[]): Promise<void>;
  /** Asserts that each link of the README leads to the README itself, or to an address of the web. */
  checkLinks(): void;
  /** Asserts that the declarations that `entry` reaches import only Node.js and grpc-js. */
  checkDeclarations(entry: string): Promise<void>;
}

export async function unpackLibrary(name: LibraryName): Promise<PackedLibrary> {
  const dir = await makeTempDir();
  const modules = dir.join('node_modules');
  const installed = join(modules, `meshtrust-${name}`);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', packLibrary(name, dir.path), '--strip-components=1', '-C', installed]);
  const manifest = await readManifest(installed);
  // What npm would install for it, and the types of Node.js; nothing else can be imported.
  for (const dependency of [...Object.keys(manifest.dependencies), '@types/node']) {
    await mkdir(dirname(join(modules, dependency)), { recursive: true });
    await symlink(join(root, 'node_modules', dependency), join(modules, dependency));
  }
  await writeFile(dir.join('package.json'), '{ "type": "module" }');
  const readme = await readFile(join(installed, 'README.md'), 'utf8');
  return {
    installed,
    manifest,
    readme,
    checkLinks() {
      const links = linksOf(readme);
      assert.ok(links.length > 0);
      assert.deepEqual(
        links.filter((link) => !/^(?:#|https:\/\/)/.test(link)),
        [],
      );
    },
    async compile(file, text) {
      await writeFile(dir.join(file), text);
      await writeFile(dir.join('tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
      const failed = await run(tsc, [], { cwd: dir.path }).then(
        () => '',
        (error: unknown) => (error as { readonly stdout: string }).stdout,
      );
      assert.equal(failed, '');
      return dir.join('out', file.replace(/\.ts$/, '.js'));
    },
    async checkManifest(dependencies) {
      const program = await readManifest(root);
      assert.deepEqual(Object.keys(manifest.dependencies), dependencies);
      for (const [dependency, range] of Object.entries(manifest.dependencies))
        assert.equal(range, program.dependencies[dependency], dependency);
      assert.deepEqual(
        [manifest.version, manifest.license, manifest.engines],
        [program.version, program.license, program.engines],
      );
    },
    async checkDeclarations(entry) {
      const reached = new Set<string>();
      async function follow(file: string): Promise<void> {
        if (reached.has(file)) return;
        reached.add(file);
        for (const [, from = ''] of (await readFile(file, 'utf8')).matchAll(/from '([^']+)';$/gm)) {
          if (from.startsWith('.')) await follow(join(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')));
          else assert.match(from, /^(?:node:.*|@grpc\/grpc-js)$/, file);
        }
      }
      await follow(join(installed, entry));
      assert.ok(reached.size > 10, `${reached.size} declarations`);
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}
