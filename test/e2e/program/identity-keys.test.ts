import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import type { OpenWatch } from '../../inputs/kubernetes/fake-api-server.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { identityOf, startGlobalApi, trustOf } from '../../kit/global-api.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { assertNoKey, dumping, outputsOf } from '../../kit/private-keys.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { bundled, identityText, inline, secretText } from '../../kit/mesh-identities.ts';
import { run } from '../../cli/run.ts';
import { untilServed } from './served.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

test('the private key of a MeshIdentity in a file: is in no memory, log, audit, metric, API, secret, state or output of a command', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  await using dumps = await makeTempDir();
  const files = watchedDir(dir.path);
  const ca = makeCa({ commonName: 'A' });
  const other = makeCa({ commonName: 'B' });
  await files.put(
    'inline.yaml',
    identityText({ spec: bundled(inline(ca.certPem), { privateKey: inline(ca.keyPem) }) }),
  );
  await files.put('key.yaml', secretText('identity-private-key', other.keyPem));
  await files.put('both.yaml', secretText('both', other.certPem + other.keyPem));
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: ['--identities', '--log-level=debug', `--state-dir=${state.path}`],
    ...dumping(dumps.path),
  });
  await untilServed(server, ['a.example: A']);
  // A version that replaces the one before, so that the state of a file has had both.
  await files.put(
    'inline.yaml',
    identityText({
      more: { labels: { team: 'a' } },
      spec: bundled(inline(ca.certPem), { privateKey: inline(ca.keyPem) }),
    }),
  );
  await server.logged('the key', ({ code }) => code === 'MT075');
  await server.logged('the audit line', ({ audit, event }) => audit === true && event === 'trust-changed');

  const outputs = await outputsOf(server, {
    dumps: dumps.path,
    stateDir: state.path,
    trustDomain: 'a.example',
    ca,
    finding: 'MT075',
  });
  const commands: Record<string, { readonly text: string; readonly has: string }> = {};
  const admin = `--server=http://127.0.0.1:${server.adminPort}`;
  for (const [args, has] of [
    [['validate', '--identities', dir.path], 'MT075'],
    [['derive', dir.path], 'a.example'],
    [['identities', '-o', 'yaml', admin], 'a.example'],
    [['check', admin], 'trust'],
  ] as const) {
    const { stdout, stderr } = await run(args);
    commands[`command ${args[0]}`] = { text: stdout + stderr, has };
  }
  assertNoKey({ ...outputs, ...commands }, [ca.keyPem, other.keyPem]);
});

test('the private key of a MeshIdentity in the last event of a watch: is not in memory', async (t) => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  await using dumps = await makeTempDir();
  const api = await startFakeApiServer(t);
  await writeFile(dir.join('config'), insecureKubeconfig(api.url, { token: 'token' }));
  await using server = await startMeshtrust({
    dirs: [],
    args: [
      '--kubernetes',
      `--kubeconfig=${dir.join('config')}`,
      '--no-kube-status',
      '--identities',
      '--identity-linger=0',
      `--state-dir=${state.path}`,
    ],
    ...dumping(dumps.path),
    waitUntilReady: false,
  });
  const [ca, next] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
  const identity = ({ certPem, keyPem }: typeof ca, resourceVersion: string): object => ({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshIdentity',
    metadata: { name: 'identity', namespace: 'kuma-system', resourceVersion },
    spec: bundled(inline(certPem), { privateKey: inline(keyPem) }),
  });
  const watches = new Map<string, OpenWatch>();
  while (watches.size < 2) {
    const asked = await api.asked();
    const plural = asked.path.split('/').at(-1) ?? '';
    if (asked.kind === 'watch') watches.set(plural, asked.open());
    else asked.list(plural === 'meshidentities' ? [identity(ca, '10')] : [], '10');
  }
  await untilServed(server, ['a.example: A']);
  watches.get('meshidentities')?.event('MODIFIED', identity(next, '11'));
  await untilServed(server, ['a.example: B']);
  await server.logged('the audit line', ({ audit, change }) => audit === true && change === 'changed');
  const outputs = await outputsOf(server, {
    dumps: dumps.path,
    stateDir: state.path,
    trustDomain: 'a.example',
    ca: next,
    finding: 'MT075',
  });
  assertNoKey(outputs, [ca.keyPem, next.keyPem]);
});

test('the private key of a MeshIdentity of the Global control plane: is in no memory, log, audit, metric, API, secret or state', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  await using dumps = await makeTempDir();
  await using global = await startGlobalApi();
  const key = makeCa({ commonName: 'key' });
  const domain = makeDomain('default.zone-2.mesh.local');
  await writeFile(dir.join('own.yaml'), makeDomain('default.zone-1.mesh.local').yaml());
  global.resources = [
    identityOf('{{ .Mesh }}.{{ .Zone }}.mesh.local', {
      autogenerate: { enabled: false },
      ca: { certificate: inline(key.certPem), privateKey: inline(key.keyPem) },
    }),
    trustOf('zone-2', domain.name, domain.ca.certPem),
  ];
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: ['--zone=zone-1', `--import-url=${global.url}`, '--log-level=debug', `--state-dir=${state.path}`],
    ...dumping(dumps.path),
  });
  const names = ['default.zone-1.mesh.local', domain.name];
  await untilServed(
    server,
    names.map((name) => `${name}: CA of ${name}`),
  );
  await server.logged(
    'the audit line',
    ({ audit, trustDomain }) => audit === true && trustDomain === domain.name,
  );
  const { name: trustDomain, ca } = domain;
  const outputs = await outputsOf(server, { dumps: dumps.path, stateDir: state.path, trustDomain, ca });
  assertNoKey(outputs, [key.keyPem]);
});
