import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { it } from 'node:test';

import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { apiObject, startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import { untilServed } from './served.ts';

const trust = (name: string): object =>
  apiObject(name, 10, {
    trustDomain: `${name}.test`,
    caBundles: [{ type: 'Pem', pem: { value: makeCa({ commonName: name }).certPem } }],
  });

it('token file of a kubeconfig is replaced by a named pipe → an error, trust stays, and the server ends', async (t) => {
  await using dir = await makeTempDir();
  const api = await startFakeApiServer(t);
  const token = dir.join('token');
  await writeFile(token, 'first');
  const config = {
    clusters: [{ name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [
      {
        name: 'u',
        user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile: token } } },
      },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(dir.join('config'), JSON.stringify(config));
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
