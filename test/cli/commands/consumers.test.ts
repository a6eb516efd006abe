import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { ConsumerList } from '../../../src/api/consumer-api-types.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { poll } from '../../kit/poll.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { run } from '../run.ts';

const web = makeCa({ commonName: 'Web CA' });
const [one, two] = [makeCa({ commonName: 'one' }), makeCa({ commonName: 'two' })];
const trustOf = (...cas: readonly { readonly certPem: string }[]): string =>
  meshTrustYaml({ name: 'trust', trustDomain: 'a.test', pems: cas.map(({ certPem }) => certPem) });

suite('meshtrust federation consumers', () => {
  test('consumers: are listed as behind after a change, as sent once they fetched, and as current once they show it', async () => {
    await using dir = await makeTempDir();
    const { certPem, keyPem } = makeLeaf(web, { dnsNames: ['localhost'] });
    await writeFile(dir.join('tls.crt'), certPem);
    await writeFile(dir.join('tls.key'), keyPem);
    await using trust = await makeTempDir();
    const files = watchedDir(trust.path);
    await files.put('trust.yaml', trustOf(one));
    const address = `127.0.0.1:${await freePort()}`;
    const tls = [`--bundle-cert=${dir.join('tls.crt')}`, `--bundle-key=${dir.join('tls.key')}`];
    const args = [`--bundle-listen=${address}`, ...tls, '--bundle-serve=default/a.test'];
    await using server = await startMeshtrust({ dirs: [trust.path], args });
    const to = `--server=http://127.0.0.1:${server.adminPort}`;

    const before = await run(['federation', 'consumers', to]);
    assert.equal(before.code, 0);
    assert.match(before.stderr, /no consumer has fetched a bundle/);

    let etag: string | undefined;
    const fetchIt = async (): Promise<void> => {
      const headers = { 'User-Agent': 'peer/1', ...(etag === undefined ? {} : { 'If-None-Match': etag }) };
      const fetched = await fetchBundle(address, '/a.test', { ca: web.certPem, headers });
      etag = String(fetched.headers['etag']);
    };
    await fetchIt();
    const rowOf = async (): Promise<readonly string[] | undefined> =>
      (await run(['federation', 'consumers', to])).stdout
        .split('\n')
        .map((line) => line.split(/ {2,}/))
        .find(([mesh]) => mesh === 'default');
    assert.deepEqual((await rowOf())?.slice(0, 5), ['default', 'a.test', '127.0.0.1', 'peer/1', 'sent']);
    await fetchIt();
    assert.equal((await rowOf())?.[4], 'current');

    await files.put('trust.yaml', trustOf(one, two));
    await poll('the consumer to be behind', async () =>
      (await rowOf())?.[4] === 'behind' ? true : undefined,
    );
    await fetchIt();
    assert.equal((await rowOf())?.[4], 'sent');
    await fetchIt();
    assert.equal((await rowOf())?.[4], 'current');

    const json = await run(['federation', 'consumers', to, '-o', 'json', '--trust-domain=b.test']);
    assert.deepEqual(JSON.parse(json.stdout), { consumers: [] });
    assert.match(json.stderr, /no such bundle is published/);
    await using other = await startMeshtrust({ dirs: [trust.path] });
    const without = await run(['federation', 'consumers', `--server=http://127.0.0.1:${other.adminPort}`]);
    assert.equal(without.code, 1);
    assert.match(without.stderr, /publishes no bundles: see --bundle-listen/);

    const dead = await run(['federation', 'consumers', '--server=http://127.0.0.1:1', to]);
    assert.equal(dead.code, 3);
    assert.match(dead.stdout, /^default +a\.test .* current /m);
    assert.match(dead.stderr, /^error: .*does not answer/);

    const { published } = JSON.parse(
      (await server.admin('/api/v1/federation/consumers')).body,
    ) as ConsumerList;
    assert.deepEqual(
      published.map(({ mesh, trustDomain, keys }) => [mesh, trustDomain, keys]),
      [['default', 'a.test', 2]],
    );
  });
});
