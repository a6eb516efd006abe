import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import { untilServed } from './served.ts';

const fetchSecrets = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

test('private key in any part of a resource: is in no log line, metric, response or secret', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  const files = watchedDir(dir.path);
  const ca = makeCa({ commonName: 'A' });
  const key = ca.keyPem;
  const secret = key.split('\n')[1]?.slice(0, 40) ?? assert.fail();
  const yaml = (name: string, pem: string) =>
    meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pem] });
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: ['--guard-hold=0', '--log-level=debug', `--state-dir=${state.path}`],
  });
  await files.put('a.yaml', yaml('a', ca.certPem + key));
  await files.put('b.yaml', yaml('b', key));
  await files.put('c.yaml', yaml('c', ca.certPem).replace('name: c', `name: ${JSON.stringify(key)}`));
  await files.put('d.yaml', `${yaml('d', ca.certPem)}${key}`);
  await files.put('e.yaml', yaml('e', ca.certPem + key.replace('-----END', '----END')));
  await untilServed(server, ['a.test: A', 'e.test: A']);
  await server.logged('the key', ({ code }) => code === 'MT011');

  using client = createClient(`127.0.0.1:${server.xdsPort}`);
  const node = { id: 'n' };
  const answer = await client.fetch(fetchSecrets, { type_url: secretTypeUrl, resource_names: ['ALL'], node });
  const paths = ['/api/v1/meshes', '/api/v1/meshes/default', '/api/v1/findings', '/metrics', '/readyz'];
  const bodies = await Promise.all(paths.map(async (path) => (await server.admin(path)).body));
  const said = [
    JSON.stringify(server.logs()),
    ...bodies,
    ...answer.resources.map(({ value }) => Buffer.from(value).toString('latin1')),
  ];
  assert.equal(said.length, paths.length + 2);
  for (const text of said) {
    assert.ok(
      !text.includes(secret),
      text.slice(Math.max(0, text.indexOf(secret) - 200), text.indexOf(secret) + 50),
    );
    assert.ok(!text.includes('PRIVATE KEY-----'));
  }
});
