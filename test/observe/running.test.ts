import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../kit/certificates.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../kit/meshtrust.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { createClient } from '../xds/client.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

suite('log of the running program', () => {
  test('change: the log has the number of proxies and the NACK, the metrics the time of the others', async () => {
    await using dir = await makeTempDir();
    const put = async (pems: readonly string[]): Promise<void> => {
      const text = meshTrustYaml({ name: 't', trustDomain: 'a.test', pems });
      await writeFile(dir.join('.new'), text);
      await rename(dir.join('.new'), dir.join('t.yaml'));
    };
    await put([a.certPem]);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    const address = `127.0.0.1:${server.xdsPort}`;
    using first = createClient(address);
    using second = createClient(address);
    const streams = [first.delta(path), second.delta(path)];
    for (const [index, stream] of streams.entries()) {
      const node = { id: `proxy-${index}` };
      stream.send({ node, type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] });
      stream.send({ type_url: secretTypeUrl, response_nonce: (await stream.next()).nonce });
    }
    const requests = async (kind: string): Promise<number> =>
      (await server.metric('meshtrust_xds_requests_total')).get(
        `type_url="${secretTypeUrl}",kind="${kind}"`,
      ) ?? 0;
    await poll('both to be acknowledged', async () => ((await requests('ack')) === 2 ? true : undefined));

    await put([a.certPem, b.certPem]);
    const versions: string[] = [];
    for (const [index, stream] of streams.entries()) {
      const { nonce, system_version_info } = await stream.next();
      versions.push(system_version_info);
      const refusal = {
        error_detail: { code: 13, message: 'Failed to load trusted CA certificate for a.test' },
      };
      stream.send({ type_url: secretTypeUrl, response_nonce: nonce, ...(index === 0 ? {} : refusal) });
    }
    const nack = await server.logged('the refusal', ({ event }) => event === 'nack');
    assert.deepEqual([nack['level'], nack['node'], nack['mesh']], ['warn', 'proxy-1', 'default']);

    const served = server.logs().filter(({ event }) => event === 'served');
    assert.equal(served.length, 2);
    assert.deepEqual([served[1]?.['proxies'], served[1]?.['version']], [2, versions[0]]);
    assert.match(
      String(served[1]?.['msg']),
      /^mesh default: 1 trust domain changed \(a\.test \+1\); version \S+ for 2 proxies$/,
    );

    const refused = await server.metric('meshtrust_xds_nacks_total');
    assert.deepEqual([...refused], [['mesh="default",error_class="trusted-ca"', 1]]);
    const converged = await poll('the ACK to be counted', async () => {
      const counts = await server.metric('meshtrust_xds_convergence_seconds_count');
      return counts.size > 0 ? counts : undefined;
    });
    assert.deepEqual([...converged], [['mesh="default"', 1]], 'that of the one which acknowledged it');
    assert.deepEqual(
      [...(await server.metric('meshtrust_xds_streams'))],
      [['transport="ads",protocol="delta"', 2]],
    );
  });
});
