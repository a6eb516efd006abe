import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startChild } from '../../kit/child.ts';
import { poll } from '../../kit/poll.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createClient } from '../../xds/client.ts';
import { packPackage } from '../packaging/pack-package.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

const consumer = `import { addXdsServices, createResource, createSnapshotStore } from 'meshtrust/xds';
import type { Resource } from 'meshtrust/xds';
const resource: Resource = createResource('a', new Uint8Array());
if (typeof addXdsServices !== 'function' || createSnapshotStore().get('', resource.name) !== undefined) throw new Error('not the library');
`;

test('package that npm packs: has the program and the library, with types, and no sources', async () => {
  await using dir = await makeTempDir();
  const [unpacked, user] = [dir.join('unpacked'), dir.join('user')];
  const tarball = await packPackage(dir);
  await mkdir(unpacked);
  await run('tar', ['-xzf', tarball, '-C', unpacked]);
  assert.deepEqual((await readdir(join(unpacked, 'package'))).sort(), [
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'Dockerfile',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'bench',
    'bin',
    'deploy',
    'dist',
    'docs',
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
  const shown = await run(process.execPath, [program, '--version']);
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  assert.equal(shown.stdout, `${manifest.version}\n`);
  const { stdout } = await run(process.execPath, [
    program,
    'bundle',
    join(modules, 'meshtrust', 'examples', 'trust'),
  ]);
  assert.match(stdout, /trust domain default\.zone-2\.mesh\.local/);
  const trust = join(modules, 'meshtrust', 'examples', 'trust');
  const listen = ['--xds-listen=127.0.0.1:0', '--admin-listen=127.0.0.1:0'];
  await using server = await startChild(process.execPath, [program, 'serve', '--dir', trust, ...listen]);
  const address = await poll('the address to be logged', () => /"xds":"([^"]+)"/.exec(server.stdout())?.[1]);
  using client = createClient(address);
  const fetchSecrets = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';
  const request = { type_url: secretTypeUrl, resource_names: ['ALL'], node: { id: 'n' } };
  await poll('the example to be served', () =>
    client.fetch(fetchSecrets, request).then(
      ({ resources }) => (resources.length === 1 ? true : undefined),
      () => undefined,
    ),
  );
  assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
  await writeFile(join(user, 'consumer.mts'), consumer);
  await run(process.execPath, [join(user, 'consumer.mts')]);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', 'node'];
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await run(tsc, [...options, 'consumer.mts'], { cwd: user });
});

test('Node.js that is too old: one line says so', async () => {
  await using dir = await makeTempDir();
  // What an older one says of itself is all that the check looks at.
  const pretence = dir.join('old.cjs');
  await writeFile(
    pretence,
    "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });\nObject.defineProperty(process, 'version', { value: 'v20.20.2' });\n",
  );
  const args = ['--require', pretence, join(root, 'bin', 'meshtrust.js'), 'serve', '--dir', dir.path];
  await using child = await startChild(process.execPath, args);
  assert.deepEqual(await child.exit, { code: 2, signal: null });
  assert.equal(child.stdout(), '');
  assert.match(child.stderr(), /^meshtrust needs Node\.js 24 or newer; this is v20\.20\.2\..*\n$/);
});
