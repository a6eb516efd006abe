import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { LogLine } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createClient } from '../../xds/client.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const fingerprintOf = ({ certPem }: Certificate): string =>
  new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase();

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

interface Entry {
  readonly fingerprint: string;
  readonly resources: readonly string[];
}

suite('audit log of the running program', () => {
  test('change: is logged with fingerprints and resources, at every log level', async () => {
    await using dir = await makeTempDir();
    const put = async (pems: readonly string[]): Promise<void> => {
      await writeFile(dir.join('.new'), meshTrustYaml({ name: 't', trustDomain: 'a.test', pems }));
      await rename(dir.join('.new'), dir.join('t.yaml'));
    };
    await put([a.certPem]);
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--log-level=error'] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using stream = client.delta(ads);
    const request = { type_url: secretTypeUrl, node: { id: 'proxy' } };
    stream.send({ ...request, resource_names_subscribe: ['ALL'] });
    stream.send({ ...request, response_nonce: (await stream.next()).nonce });

    await server.logged('the start', ({ event }) => event === 'trust-converged');

    await put([b.certPem]);
    const line = await server.logged('the change', ({ change }) => change === 'changed');
    const { event, audit, mesh, trustDomain, proxies } = line;
    assert.deepEqual(
      { event, audit, mesh, trustDomain, proxies },
      { event: 'trust-changed', audit: true, mesh: 'default', trustDomain: 'a.test', proxies: 1 },
    );
    const [added, removed] = [line['added'], line['removed']] as [readonly Entry[], readonly Entry[]];
    assert.deepEqual(
      [...added, ...removed].map(({ fingerprint, resources }) => [fingerprint, resources]),
      [
        [fingerprintOf(b), ['default//t']],
        [fingerprintOf(a), ['default//t']],
      ],
    );
    const { body } = await server.admin('/metrics');
    assert.match(
      body,
      new RegExp(`meshtrust_bundle_info\\{mesh="default",version="${String(line['version'])}"\\} 1`),
    );
    const { nonce } = await stream.next();
    const converged = (): readonly LogLine[] =>
      server
        .logs()
        .filter((each) => each['event'] === 'trust-converged' && each['version'] === line['version']);
    assert.deepEqual(converged(), [], 'not before the proxy has said so');
    stream.send({ ...request, response_nonce: nonce });
    const end = await poll('the last proxy to have it', () => converged()[0]);
    assert.deepEqual([end['mesh'], end['proxies'], end['audit']], ['default', 1, true]);
    assert.equal(end['causedAt'], line['causedAt']);
    const seconds = Number(end['seconds']);
    assert.ok(seconds > 0 && seconds < 10, String(seconds));
    assert.deepEqual(
      server.logs().map((each) => [each['event'], each['change']]),
      [
        ['trust-changed', 'listed'],
        ['trust-converged', undefined],
        ['trust-changed', 'changed'],
        ['trust-converged', undefined],
      ],
      'and nothing else at this level',
    );
  });
});
