import assert from 'node:assert/strict';
import { mkdir, rename } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createHealthClient } from '../../grpc/server.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import { untilServed } from './served.ts';

const { certPem } = makeCa({ commonName: 'A' });
const good = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [certPem] });
const broken = 'type: MeshTrust\nname: [';
const sds = '/envoy.service.secret.v3.SecretDiscoveryService';
const request = { type_url: secretTypeUrl, resource_names: ['ALL'], node: { id: 'n' } };

async function readyz(server: Meshtrust): Promise<string> {
  const { status: code, body } = await server.admin('/readyz').catch(() => ({ status: 0, body: '' }));
  return `${code} ${body}`;
}

function untilReadyz(server: Meshtrust, pattern: RegExp): Promise<string> {
  return poll(`/readyz to answer ${pattern}`, async () => {
    const answer = await readyz(server);
    return pattern.test(answer) ? answer : undefined;
  });
}

suite('before the first complete read', () => {
  test('an invalid document: the server is not ready, streams wait and fetches are unavailable, until it is corrected', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', good);
    await files.put('b.yaml', broken);
    await using server = await startMeshtrust({ dirs: [dir.path], waitUntilReady: false });
    await untilReadyz(server, /^503 .*invalid document/s);
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    await assert.rejects(client.fetch(`${sds}/FetchSecrets`, request), { code: status.UNAVAILABLE });
    using stream = client.delta(`${sds}/DeltaSecrets`);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    using health = createHealthClient(`127.0.0.1:${server.xdsPort}`);
    using watch = health.watch();
    assert.equal(await watch.next(), 'NOT_SERVING');
    assert.equal(stream.received, 0);
    await files.put('b.yaml', 'kind: ConfigMap\n');
    assert.equal(await watch.next(), 'SERVING');
    await untilReadyz(server, /^200 /);
    assert.deepEqual(
      (await stream.next()).resources.map(({ name }) => name),
      ['ALL'],
    );
    assert.equal((await client.fetch(`${sds}/FetchSecrets`, request)).resources.length, 1);
  });

  test('hold ends: the valid resources are served', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', good);
    await files.put('b.yaml', broken);
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--guard-hold=1s'],
      waitUntilReady: false,
    });
    await untilReadyz(server, /^503 /);
    await untilReadyz(server, /^200 /);
    await untilServed(server, ['a.test: A']);
  });

  test('missing directory: is named; once it exists, the server is ready', async () => {
    await using dir = await makeTempDir();
    const late = dir.join('late');
    await using server = await startMeshtrust({ dirs: [late], waitUntilReady: false });
    await untilReadyz(server, new RegExp(`^503 .*files \\(${late}: no such file or directory`, 's'));
    await mkdir(late);
    await watchedDir(late).put('a.yaml', good);
    await untilReadyz(server, /^200 /);
    await untilServed(server, ['a.test: A']);
  });

  test('failures after the first complete read: the server stays ready', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', good);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await files.overwrite('a.yaml', broken);
    await server.logged('the broken file', ({ code }) => code === 'MT002');
    assert.match(await readyz(server), /^200 /);
    await rename(dir.path, `${dir.path}-away`);
    await server.logged('the directory that is gone', ({ code }) => code === 'MT001');
    await rename(`${dir.path}-away`, dir.path);
    assert.match(await readyz(server), /^200 /);
    await untilServed(server, ['a.test: A']);
  });
});
