import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { secretTypeUrl } from '../../src/snapshot/publisher.ts';
import { makeCa } from '../kit/certificates.ts';
import { decodeSecret } from '../kit/decode-secret.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../kit/meshtrust.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { watchedDir } from '../kit/watched-dir.ts';
import { createClient } from '../xds/client.ts';
import { untilServed } from './served.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const names = ['a', 'b', 'c'] as const;
const pems = new Map(names.map((name) => [name, makeCa({ commonName: name.toUpperCase() }).certPem]));
const trust = (name: (typeof names)[number]) =>
  meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pems.get(name) ?? ''] });
const whole = names.map(trust).join('---\n');
const all = names.map((name) => `${name}.test: ${name.toUpperCase()}`);

describe('files that are being written', () => {
  it('take nothing away from a connected proxy, wherever they are cut off in mid-write', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('t.yaml'), whole);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'n' } });
    const { nonce } = await stream.next();
    stream.send({ type_url: secretTypeUrl, response_nonce: nonce });
    for (let length = 0; length < whole.length; length += 37) {
      await truncate(dir.join('t.yaml'), 0);
      await writeFile(dir.join('t.yaml'), whole.slice(0, length));
      await writeFile(dir.join('t.yaml'), whole);
    }
    // A change that comes after all of them is the first that the proxy is told of.
    await watchedDir(dir.path).put(
      'd.yaml',
      meshTrustYaml({ name: 'd', trustDomain: 'd.test', pems: [makeCa().certPem] }),
    );
    const { resources } = await stream.next();
    assert.deepEqual(
      resources.flatMap(({ resource }) =>
        decodeSecret(resource.value).trustDomains.map((domain) => domain.name),
      ),
      ['a.test', 'b.test', 'c.test', 'd.test'],
    );
    assert.equal(stream.received, 2);
  });

  it('are read as one when a mounted ConfigMap swaps them', async () => {
    await using dir = await makeTempDir();
    const publish = async (version: string, contents: Readonly<Record<string, string>>): Promise<void> => {
      await mkdir(dir.join(`..${version}`));
      for (const [name, text] of Object.entries(contents))
        await writeFile(dir.join(`..${version}`, name), text);
      await symlink(`..${version}`, dir.join('..data_tmp'));
      await rename(dir.join('..data_tmp'), dir.join('..data'));
    };
    await publish('1', { 'a.yaml': trust('a'), 'b.yaml': trust('b') });
    for (const name of ['a', 'b']) await symlink(`..data/${name}.yaml`, dir.join(`${name}.yaml`));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await untilServed(server, all.slice(0, 2));
    await publish('2', { 'a.yaml': trust('b').replaceAll('name: b', 'name: x'), 'b.yaml': trust('c') });
    await rm(dir.join('..1'), { recursive: true });
    await untilServed(server, ['b.test: B', 'c.test: C']);
    assert.equal(server.logs().filter(({ event }) => event === 'served').length, 2);
  });

  it('make few pushes in a burst', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', trust('a'));
    await using server = await startMeshtrust({ dirs: [dir.path] });
    await untilServed(server, all.slice(0, 1));
    const { certPem } = makeCa({ commonName: 'X' });
    const burst = Array.from({ length: 100 }, (_, index) => `d${String(index).padStart(3, '0')}`);
    const start = performance.now();
    await Promise.all(
      burst.map((name) =>
        files.put(`${name}.yaml`, meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [certPem] })),
      ),
    );
    await untilServed(server, [...all.slice(0, 1), ...burst.map((name) => `${name}.test: X`)]);
    const pushes = server.logs().filter(({ event }) => event === 'served').length - 1;
    const most = Math.ceil((performance.now() - start) / 50) + 1;
    assert.ok(pushes >= 1 && pushes <= most, `${pushes} pushes, at most ${most}`);
  });
});
