import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packXds } from '../../../scripts/pack-xds.ts';
import * as library from '../../../src/xds/index.ts';
import { startChild } from '../../kit/child.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../client.ts';
import { ads } from '../loopback/serving.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const run = promisify(execFile);

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
}

async function readManifest(...path: readonly string[]): Promise<Manifest> {
  return JSON.parse(await readFile(join(...path, 'package.json'), 'utf8')) as Manifest;
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

suite('package meshtrust-xds', () => {
  let dir: TempDir;
  let installed: string;

  before(async () => {
    dir = await makeTempDir();
    const modules = dir.join('node_modules');
    installed = join(modules, 'meshtrust-xds');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', packXds(dir.path), '--strip-components=1', '-C', installed]);
    // What npm would install for it, and the types of Node.js; nothing else can be imported.
    const { dependencies } = await readManifest(installed);
    for (const name of [...Object.keys(dependencies), '@types/node']) {
      await mkdir(dirname(join(modules, name)), { recursive: true });
      await symlink(join(root, 'node_modules', name), join(modules, name));
    }
    await writeFile(dir.join('package.json'), '{ "type": "module" }');
  });
  after(() => dir[Symbol.asyncDispose]());

  async function compile(file: string, text: string): Promise<void> {
    await writeFile(dir.join(file), text);
    await writeFile(dir.join('tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const failed = await run(tsc, [], { cwd: dir.path }).then(
      () => '',
      (error: unknown) => (error as { readonly stdout: string }).stdout,
    );
    assert.equal(failed, '');
  }

  test('contents: the library, its proto files and its manual, and no sources', async () => {
    assert.deepEqual((await readdir(installed)).sort(), [
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
      'proto',
    ]);
    assert.deepEqual(await readdir(join(installed, 'dist')), ['xds']);
  });

  test('dependencies: grpc-js and proto-loader, with the ranges and the version of the program', async () => {
    const [mine, program] = [await readManifest(installed), await readManifest(root)];
    assert.deepEqual(Object.keys(mine.dependencies), ['@grpc/grpc-js', '@grpc/proto-loader']);
    for (const [name, range] of Object.entries(mine.dependencies))
      assert.equal(range, program.dependencies[name], name);
    assert.deepEqual(
      [mine.version, mine.license, mine.engines],
      [program.version, program.license, program.engines],
    );
  });

  test('types: no declaration that an import reaches names proto-loader', async () => {
    const reached = new Set<string>();
    async function follow(file: string): Promise<void> {
      if (reached.has(file)) return;
      reached.add(file);
      for (const [, from = ''] of (await readFile(file, 'utf8')).matchAll(/from '([^']+)';$/gm)) {
        if (from.startsWith('.')) await follow(join(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')));
        else assert.match(from, /^(?:node:.*|@grpc\/grpc-js)$/, file);
      }
    }
    await follow(join(installed, 'dist', 'xds', 'index.d.ts'));
    assert.ok(reached.size > 10, `${reached.size} declarations`);
  });

  test('type tests: hold for the types of the package', async () => {
    const text = await readFile(new URL('library-types.ts', import.meta.url), 'utf8');
    await compile('library-types.ts', text.replaceAll(/'[./]*\/src\/xds\/index\.ts'/g, "'meshtrust-xds'"));
  });

  test('example of docs/xds-library.md: compiles, runs and serves', async () => {
    const document = await readFile(join(installed, 'README.md'), 'utf8');
    const [, code = ''] = /```ts\n([^]*?)```/.exec(document) ?? [];
    assert.match(code, /from 'meshtrust-xds'/);
    await compile('example.ts', code.replace('127.0.0.1:5678', '127.0.0.1:0'));
    assert.ok(existsSync(dir.join('out', 'example.js')));
    await using child = await startChild(process.execPath, [dir.join('out', 'example.js')]);
    const port = await poll('the port', () => /^listening on (\d+)$/m.exec(child.stdout())?.[1]);
    using client = createClient(`127.0.0.1:${port}`);
    using stream = client.delta(ads.delta);
    const type = { type_url: library.typeUrls.clusterLoadAssignment };
    stream.send({ ...type, node: { id: 'proxy-1' }, resource_names_subscribe: ['one'] });
    assert.equal((await stream.next()).resources[0]?.name, 'one');
    stream.cancel();
    assert.deepEqual(await child.stop('SIGTERM'), { code: 0, signal: null });
  });

  test('exports: are these, and no others', () => {
    assert.deepEqual(Object.keys(library).sort(), [
      'addXdsServices',
      'anonymousNode',
      'closedConnections',
      'combineObservers',
      'combinedVersion',
      'contentVersion',
      'createResource',
      'createResourceSet',
      'createSnapshotStore',
      'defaultStreamLimits',
      'discoveryServices',
      'lookup',
      'protoDirectory',
      'protoFiles',
      'protoOptions',
      'refusedStreams',
      'transportDefaults',
      'typeUrls',
      'wildcardNames',
      'xdsServerOptions',
    ]);
  });
});
