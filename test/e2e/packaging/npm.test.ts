import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { access, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { packPackage } from './pack-package.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly repository?: { readonly url: string };
  readonly homepage?: string;
  readonly bugs?: string;
  readonly keywords?: readonly string[];
}

interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

const readJson = async <T>(path: string): Promise<T> =>
  JSON.parse(await readFile(join(root, path), 'utf8')) as T;

/**
 * Writes a project whose only dependency is the tarball. Its lock file has the dependencies of this repository's, so
 * npm takes them from its cache, where `npm ci` has put them, and asks a registry only for those that are missing
 * there.
 */
async function writeProject(folder: string, tarball: string): Promise<void> {
  const [{ packages, lockfileVersion }, manifest] = await Promise.all([
    readJson<Lockfile>('package-lock.json'),
    readJson<Manifest>('package.json'),
  ]);
  const file = `file:${tarball}`;
  const project = { name: 'user', version: '1.0.0', dependencies: { meshtrust: file } };
  const production = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const { version, dependencies, bin } = manifest;
  const integrity = `sha512-${hash('sha512', await readFile(tarball), 'base64')}`;
  const lock = {
    name: project.name,
    version: project.version,
    lockfileVersion,
    requires: true,
    packages: {
      '': project,
      'node_modules/meshtrust': { version, resolved: file, integrity, dependencies, bin },
      ...Object.fromEntries(production),
    },
  };
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify(project));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
}

test('package.json: names the repository, the homepage, the issues and keywords', async () => {
  const { repository, homepage, bugs, keywords } = await readJson<Manifest>('package.json');
  assert.match(repository?.url ?? '', /^git\+https:\/\/\S+\.git$/);
  for (const url of [homepage, bugs]) assert.match(url ?? '', /^https:\/\//);
  assert.ok((keywords ?? []).includes('envoy'));
});

test('each command of the package: is executable in the repository', async () => {
  const { bin } = await readJson<Manifest>('package.json');
  const { stdout } = await run('git', ['ls-files', '--stage', 'bin'], { cwd: root });
  for (const path of Object.values(bin)) assert.match(stdout, new RegExp(`^100755 .*\\t${path}$`, 'm'));
});

test('npm ci with an older Node.js: a few lines of warnings at most', async () => {
  await using dir = await makeTempDir();
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    await cp(join(root, file), dir.join(file));
  // The version that Node.js claims to have is all that npm looks at.
  const pretence = dir.join('old.cjs');
  await writeFile(
    pretence,
    "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });\nObject.defineProperty(process, 'version', { value: 'v20.20.2' });\n",
  );
  const install = async (...args: readonly string[]): Promise<readonly string[]> => {
    const flags = ['--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...args];
    const env = { ...process.env, NODE_OPTIONS: `--require ${pretence}` };
    const { stderr } = await run('npm', ['ci', ...flags], { cwd: dir.path, env });
    return stderr.split('\n').filter((line) => line.includes('EBADENGINE'));
  };
  assert.ok((await install('--loglevel=warn')).length > 5, 'the pretence works');
  assert.ok((await install()).length <= 5);
});

test('the tarball, installed into an empty folder: npx meshtrust runs --version, validate and serve', async (t) => {
  await using dir = await makeTempDir();
  const project = dir.join('project');
  await writeProject(project, await packPackage(dir));
  // Commands start `node`: the one of this test, not an older one of the machine.
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
  };
  const options = { cwd: project, env };
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], options);
  const npx = (...args: readonly string[]) => run('npx', ['--no-install', 'meshtrust', ...args], options);
  const examples = join(project, 'node_modules/meshtrust/examples/trust');

  await t.test('--version: prints the version of the package', async () => {
    const { version } = await readJson<Manifest>('package.json');
    assert.deepEqual(await npx('--version'), { stdout: `${version}\n`, stderr: '' });
  });

  await t.test('validate: accepts the examples of the package', async () => {
    const { stderr } = await npx('validate', examples);
    assert.match(stderr, /^2 MeshTrusts accepted; 0 errors, /m);
  });

  await t.test('serve: becomes ready, without a warning of Node.js', async () => {
    const port = await freePort();
    const listen = ['--xds-listen=127.0.0.1:0', `--admin-listen=127.0.0.1:${port}`];
    // npx would be another process between this one and the server.
    const command = join(project, 'node_modules/.bin/meshtrust');
    await using server = await startChild(command, ['serve', `--dir=${examples}`, ...listen], env);
    await poll('readiness', async () => {
      if (server.exited() !== undefined) throw new Error(server.stdout() + server.stderr());
      return fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ status }) => (status === 200 ? true : undefined),
        () => undefined,
      );
    });
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.equal(server.stderr(), '');
  });

  await t.test('pages that messages name: are in the package', async () => {
    const { stdout } = await run('git', ['grep', '-hoE', 'docs/[a-z-]+\\.md', '--', 'src'], { cwd: root });
    const pages = new Set(stdout.trim().split('\n'));
    assert.ok(pages.size > 1, [...pages].join(' '));
    for (const page of pages) await access(join(project, 'node_modules/meshtrust', page));
  });
});
