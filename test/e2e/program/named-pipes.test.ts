import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { run } from '../../cli/run.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { apiObject, startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import { untilServed } from './served.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

const trust = (name: string): object =>
  apiObject(name, 10, {
    trustDomain: `${name}.test`,
    caBundles: [{ type: 'Pem', pem: { value: makeCa({ commonName: name }).certPem } }],
  });

/** Writes the kubeconfig `config` of a user with a token file. */
async function writeKubeConfig(dir: TempDir, url: string, token: string): Promise<void> {
  const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile: token } } };
  await writeFile(dir.join('config'), insecureKubeconfig(url, user));
}

test('token file of a kubeconfig replaced by a named pipe: an error, trust stays, and the server still exits', async (t) => {
  await using dir = await makeTempDir();
  const api = await startFakeApiServer(t);
  const token = dir.join('token');
  await writeFile(token, 'first');
  await writeKubeConfig(dir, api.url, token);
  await using server = await startMeshtrust({
    dirs: [],
    args: ['--kubernetes', `--kubeconfig=${dir.join('config')}`, '--no-kube-status'],
    waitUntilReady: false,
  });
  (await api.asked()).list([trust('a')], '10');
  const watch = await api.asked();
  await poll('the admin API', () => server.admin('/healthz').catch(() => undefined));
  await untilServed(server, ['a.test: a']);

  execFileSync('mkfifo', [dir.join('pipe')]);
  await rename(token, dir.join('kept'));
  await rename(dir.join('pipe'), token);
  watch.drop();
  await server.logged('the pipe', ({ msg, reason }) =>
    [msg, reason].some((text) => String(text).includes(`token file: ${token} is not a regular file`)),
  );
  await untilServed(server, ['a.test: a']);
  await writeFile(dir.join('kept'), 'second');
  await rename(dir.join('kept'), token);
  const again = await api.asked();
  assert.equal(again.authorization, 'Bearer second');
  again.list([trust('a'), trust('b')], '20');
  await untilServed(server, ['a.test: a', 'b.test: b']);
  assert.equal((await server.stop()).code, 0);
});

test('token and TLS files replaced by named pipes: findings until the files can be used again', async (t) => {
  await using dir = await makeTempDir();
  const api = await startFakeApiServer(t);
  await writeFile(dir.join('kubernetes-token'), 'first');
  await writeKubeConfig(dir, api.url, dir.join('kubernetes-token'));
  const ca = makeCa();
  const { certPem, keyPem } = makeLeaf(ca, { dnsNames: ['localhost'] });
  const token = 'a-token-of-thirty-characters__';
  await writeFile(dir.join('ca'), ca.certPem);
  await writeFile(dir.join('mine'), token);
  await writeFile(dir.join('token'), token);
  const uses = ['xds', 'admin', 'webhook'] as const;
  for (const use of uses) {
    await writeFile(dir.join(`${use}.crt`), certPem);
    await writeFile(dir.join(`${use}.key`), keyPem);
  }
  const filesOf = (use: string, prefix: string): readonly string[] => [
    `--${prefix}-cert=${dir.join(`${use}.crt`)}`,
    `--${prefix}-key=${dir.join(`${use}.key`)}`,
  ];
  await using server = await startMeshtrust({
    dirs: [],
    args: [
      '--kubernetes',
      `--kubeconfig=${dir.join('config')}`,
      '--no-kube-status',
      ...filesOf('xds', 'tls'),
      ...filesOf('admin', 'admin'),
      ...filesOf('webhook', 'webhook'),
      `--admin-token-file=${dir.join('token')}`,
      '--webhook-listen=127.0.0.1:0',
    ],
    waitUntilReady: false,
  });
  (await api.asked()).list([trust('a')], '10');
  (await api.asked()).open();
  await server.logged('the address', ({ event }) => event === 'listening');
  await server.logged('the webhook', ({ event, address }) => event === 'webhook' && address !== undefined);
  const check = () =>
    run([
      'check',
      `--server=https://localhost:${server.adminPort}`,
      `--ca=${dir.join('ca')}`,
      `--token-file=${dir.join('mine')}`,
    ]);
  assert.match((await check()).stdout, /\[ok\] +server: uses the newest token and TLS files/);

  const files = ['token', ...uses.map((use) => `${use}.crt`)].map((name) => dir.join(name));
  for (const file of files) {
    execFileSync('mkfifo', [`${file}.pipe`]);
    await rename(file, `${file}.kept`);
    await rename(`${file}.pipe`, file);
  }
  const about = (event: string, path: string) =>
    server.logged(
      `${event} of ${path}`,
      (line) => line['event'] === event && line['code'] === 'MT062' && line['file'] === path,
    );
  for (const file of files) await about('finding', file);
  const { code, stdout } = await check();
  assert.equal(code, 1, stdout);
  for (const file of files) assert.ok(stdout.includes(`${file}: MT062 the `), stdout);

  for (const file of files) await rename(`${file}.kept`, file);
  for (const file of files) await about('finding-resolved', file);
  assert.match((await check()).stdout, /\[ok\] +server: uses the newest token and TLS files/);
  assert.equal((await server.stop()).code, 0);
});
