import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import type { ProxyDetail } from '../../../src/api/fleet-api-types.ts';
import { run } from '../../cli/run.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { startTokenReviews, fakeToken } from '../../kit/token-reviews.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { startPrinted, writeBootstrap, writePair } from './printed-bootstrap.ts';

const user = 'system:serviceaccount:edge:envoy';

/** Replaces the token of a projected volume, as the kubelet does: the link `..data` is switched. */
async function project(volume: TempDir, token: string, version: number): Promise<void> {
  const data = volume.join(`..${version}`);
  await mkdir(data);
  await writeFile(`${data}/meshtrust`, `${token}\n`);
  await symlink(`..${version}`, volume.join('..next'));
  await rename(volume.join('..next'), volume.join('..data'));
}

test('Envoy with a token that its volume replaces: is judged again by the new one', { skip }, async () => {
  const [binary] = binaries;
  assert.ok(binary !== undefined);
  await using stack = new AsyncDisposableStack();
  const [dir, trust, volume] = [
    stack.use(await makeTempDir()),
    stack.use(await makeTempDir()),
    stack.use(await makeTempDir()),
  ];
  const [domain, later] = [makeDomain('a.test'), makeDomain('b.test')];
  const put = watchedDir(trust.path).put;
  await put('a.yaml', domain.yaml());
  const ca = makeCa({ commonName: 'Control plane CA' });
  await writeFile(dir.join('ca.crt'), ca.certPem);
  const server = await writePair(dir, 'server', makeLeaf(ca, { dnsNames: ['meshtrust.test'] }));
  const [first, second] = [fakeToken({ name: 'first' }), fakeToken({ name: 'second' })];
  const accepted = new Set([first]);
  const reviews = stack.use(await startTokenReviews({ accepts: (token) => accepted.has(token), user }));
  await writeFile(dir.join('kubeconfig'), reviews.kubeconfig);
  await writeFile(
    dir.join('access.yaml'),
    `- { from: { namespace: edge, serviceAccount: envoy }, mesh: default, node: '{serviceAccount}-*' }`,
  );
  const control = stack.use(
    await startMeshtrust({
      dirs: [trust.path],
      args: [
        `--tls-cert=${server.cert}`,
        `--tls-key=${server.key}`,
        '--xds-auth=token',
        '--xds-token-cache=0',
        `--xds-access=${dir.join('access.yaml')}`,
        `--kubeconfig=${dir.join('kubeconfig')}`,
        '--max-connection-age=1s',
      ],
    }),
  );
  await project(volume, first, 1);
  await symlink('..data/meshtrust', volume.join('meshtrust'));
  const token = [`--xds-token-file=${volume.join('meshtrust')}`, `--sds-file=${dir.join('token.yaml')}`];
  await writeBootstrap(dir, ['--part=token-sds', ...token], 'token.yaml');
  const parts = { envoyPath: binary.path, xdsPort: control.xdsPort };
  const port = await startPrinted(stack, dir, parts, ['--node-id=envoy-1', ...token]);

  await untilDecision(port, domain.client, 'accepted');
  assert.deepEqual(new Set(reviews.reviewed), new Set([first]));
  const identity = await poll('the proxy to be listed', async () => {
    const { code, stdout } = await run([
      'ps',
      'envoy-1',
      '-o',
      'json',
      `--server=http://127.0.0.1:${control.adminPort}`,
    ]);
    if (code !== 0) return undefined;
    const { proxies } = JSON.parse(stdout) as { readonly proxies: readonly ProxyDetail[] };
    return proxies[0]?.identity;
  });
  assert.equal(identity, user);

  // The first token ends, and the volume has the second one.
  accepted.delete(first);
  accepted.add(second);
  await project(volume, second, 2);
  await poll('the new token to be reviewed', async () => reviews.reviewed.includes(second) || undefined);
  await put('b.yaml', later.yaml());
  await untilDecision(port, later.client, 'accepted');
});
