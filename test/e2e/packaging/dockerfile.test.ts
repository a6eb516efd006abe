import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { serverFlags } from '../../../src/frontend/tune-heap.ts';
import { startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { testAuthKinds } from '../../kubernetes/client/auth-kinds.ts';
import type { KubernetesClient } from '../../kubernetes/client/auth-kinds.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

interface Step {
  readonly name: string;
  readonly rest: string;
}

/** The stages of the Dockerfile, each with its steps; only the few instructions that ours has. */
const stages = (await readFile(join(repository, 'Dockerfile'), 'utf8'))
  .split(/^(?=FROM )/m)
  .slice(1)
  .map((text): readonly Step[] =>
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) })),
  );
const [build = [], final = []] = stages;
const valuesOf = (name: string): readonly string[] =>
  final.filter((step) => step.name === name).map(({ rest }) => rest);

// One folder stands for the root of each stage; the image's Node.js is the one that runs this.
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
};
const dir = await makeTempDir();
const [buildRoot, finalRoot] = [dir.join('build'), dir.join('final')];
before(async () => {
  await runStage(build, buildRoot);
  await runStage(final, finalRoot);
});
after(() => dir[Symbol.asyncDispose]());

async function runStage(steps: readonly Step[], root: string): Promise<void> {
  let workdir = '/';
  const inRoot = (path: string): string => join(root, path.startsWith('/') ? path : join(workdir, path));
  for (const { name, rest } of steps) {
    switch (name) {
      case 'FROM':
        await mkdir(root, { recursive: true });
        break;
      case 'WORKDIR':
        workdir = rest;
        await mkdir(inRoot(''), { recursive: true });
        break;
      case 'COPY':
        await copy(rest.split(' '), inRoot);
        break;
      case 'RUN':
        await run('sh', ['-c', rest], { cwd: inRoot(''), env, maxBuffer: 16 * 1024 * 1024 });
        break;
      case 'ENV':
      case 'USER':
      case 'EXPOSE':
      case 'ENTRYPOINT':
      case 'CMD':
        break;
      default:
        assert.fail(`the test does not know the instruction ${name}`);
    }
  }
}

async function copy(words: readonly string[], inRoot: (path: string) => string): Promise<void> {
  const isFromBuild = words[0] === '--from=build';
  const paths = isFromBuild ? words.slice(1) : words;
  const target = paths.at(-1) ?? '';
  for (const source of paths.slice(0, -1)) {
    if (source === '/usr/local/bin/node') continue;
    const to = target.endsWith('/') ? join(inRoot(target), basename(source)) : inRoot(target);
    await mkdir(dirname(to), { recursive: true });
    await cp(isFromBuild ? join(buildRoot, source) : join(repository, source), to, { recursive: true });
  }
}

/** Every file below a folder, with size and time of change. */
async function inventory(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const entries = names.map(async (name): Promise<[string, string]> => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return [name, `${size} ${mtimeMs}`];
  });
  return new Map(await Promise.all(entries));
}

test('there are two stages: one builds, one is left', () => {
  assert.equal(stages.length, 2);
  assert.match(build[0]?.rest ?? '', /^node:26\.\S+ AS build$/);
});

test('each base image: is pinned by digest', () => {
  for (const [from] of stages) assert.match(from?.rest ?? '', /^\S+:\S+@sha256:[0-9a-f]{64}(?: AS \w+)?$/);
});

test('each path that the build copies: is not ignored', async () => {
  const lines = (await readFile(join(repository, '.dockerignore'), 'utf8')).trim().split('\n');
  assert.equal(lines[0], '*');
  const sources = [...build, ...final].flatMap(({ name, rest }) =>
    name === 'COPY' && !rest.startsWith('--from=') ? rest.split(' ').slice(0, -1) : [],
  );
  assert.ok(sources.length > 5);
  assert.deepEqual(
    sources.filter((source) => !lines.includes(`!${source}`)),
    [],
  );
});

test('container start: the user of the program is not root', () => {
  const [user = ''] = valuesOf('USER');
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
  assert.deepEqual(JSON.parse(valuesOf('ENTRYPOINT')[0] ?? ''), [
    '/usr/local/bin/node',
    ...serverFlags,
    '/app/bin/meshtrust.js',
  ]);
});

test('files of the image: all that production needs, and no npm', async () => {
  const names = [...(await inventory(join(finalRoot, 'app'))).keys()];
  assert.ok(names.includes('node_modules/@kubernetes/client-node/package.json'));
  assert.ok(names.includes('dist/main.js'));
  assert.ok(!names.some((name) => name.startsWith('src/')));
  const { devDependencies } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  const { packages } = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  // Some are dependencies of production packages as well.
  const forDevelopment = Object.keys(devDependencies).filter(
    (name) => packages[`node_modules/${name}`]?.dev === true,
  );
  assert.ok(forDevelopment.includes('typescript'));
  const unwanted = [...forDevelopment.filter((name) => !name.startsWith('@types/')), 'npm'];
  for (const name of unwanted) assert.ok(!names.includes(`node_modules/${name}`), `${name} is in the image`);
});

/** What `gcr.io/distroless/cc-debian12` has: glibc, libgcc and libstdc++. */
const librariesOfBase: ReadonlySet<string> = new Set([
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'librt.so.1',
  'libstdc++.so.6',
]);

test('modules of the image: no types and no source maps', async () => {
  const names = [...(await inventory(join(finalRoot, 'app/node_modules'))).keys()];
  assert.ok(names.length > 1000);
  assert.deepEqual(
    names.filter((name) => /\.(?:d\.[cm]?ts|map)$/.test(name)),
    [],
  );
});

test('each library that Node.js is linked with: is in the image', async () => {
  assert.match(final[0]?.rest ?? '', /^gcr\.io\/distroless\/cc-debian12:nonroot@/);
  const { stdout } = await run('ldd', [process.execPath]);
  const needed = [...stdout.matchAll(/^\s*(?<name>lib\S+) => /gm)].map(
    ({ groups }) => groups?.['name'] ?? '',
  );
  assert.ok(needed.includes('libc.so.6'), stdout);
  const copied = new Set(await readdir(join(finalRoot, 'usr/lib')));
  assert.deepEqual(
    needed.filter((name) => !librariesOfBase.has(name) && !copied.has(name)),
    [],
  );
});

test('server of the image with a directory: serves it, and writes nothing', async () => {
  const app = join(finalRoot, 'app');
  const before = await inventory(app);
  const admin = await freePort();
  await using child = await startChild(process.execPath, [
    join(app, 'bin/meshtrust.js'),
    'serve',
    `--dir=${join(repository, 'examples/trust')}`,
    '--xds-listen=127.0.0.1:0',
    `--admin-listen=127.0.0.1:${admin}`,
  ]);
  await poll('readiness', async () => {
    if (child.exited() !== undefined) throw new Error(child.stdout() + child.stderr());
    return fetch(`http://127.0.0.1:${admin}/readyz`).then(
      ({ status }) => (status === 200 ? true : undefined),
      () => undefined,
    );
  });
  const page = await (await fetch(`http://127.0.0.1:${admin}/`)).text();
  const entry = /src="(?<path>\/ui\/main\.js)"/.exec(page)?.groups?.['path'] ?? '';
  for (const path of [entry, '/ui/base.css', '/ui/lit-html.js', '/ui/hints.json'])
    assert.equal((await fetch(`http://127.0.0.1:${admin}${path}`)).status, 200, `the page needs ${path}`);
  assert.deepEqual(await child.stop(), { code: 0, signal: null });
  assert.deepEqual(await inventory(app), before);
});

test('generated API of client-node, and packages that only that API needs: are not in the image', async () => {
  const modules = join(finalRoot, 'app/node_modules');
  const names = [...(await inventory(modules)).keys()];
  const generated = names.filter((name) => name.startsWith('@kubernetes/client-node/dist/gen/'));
  assert.ok(generated.length > 0 && generated.length < 10, generated.join(' '));
  for (const name of ['tar-fs', 'undici', 'ws']) {
    await stat(join(repository, 'node_modules', name));
    assert.ok(!names.includes(name), `${name} is in the image`);
  }
});

suite('client-node in the image', () => {
  const load = async <T>(path: string): Promise<T> =>
    (await import(pathToFileURL(join(finalRoot, 'app/dist/kubernetes/client', path)).href)) as T;
  testAuthKinds(async () => ({
    ...(await load<Pick<KubernetesClient, 'createApiClient'>>('api-client.js')),
    ...(await load<Pick<KubernetesClient, 'loadKubeConfig'>>('kube-config.js')),
  }));
});

test('client-node without its generated API: works', async () => {
  const file = join(finalRoot, 'app/bin/meshtrust.js');
  const args = [file, 'serve', '--kubernetes', '--kubeconfig=/nonexistent/kubeconfig'];
  const failure = await run(process.execPath, args).then(
    () => assert.fail('it started'),
    (error: unknown) => error as { readonly code: number; readonly stderr: string },
  );
  assert.equal(failure.code, 5);
  assert.match(failure.stderr, /\/nonexistent\/kubeconfig/);
});
