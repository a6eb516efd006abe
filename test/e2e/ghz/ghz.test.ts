import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { typeUrls } from '../../../src/xds/index.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';
import { findTool } from '../../kit/find-tool.ts';

const run = promisify(execFile);
const ghz = await findTool('ghz', { variable: 'MESHTRUST_GHZ', onPath: 'ghz' });
const trust = fileURLToPath(new URL('../../../examples/trust', import.meta.url));

const node = { id: 'ghz', metadata: { mesh: 'default' } };
const sotw = { node, type_url: typeUrls.secret, resource_names: ['system_trust_bundle'] };
const delta = {
  node,
  type_url: typeUrls.secret,
  resource_names_subscribe: ['system_trust_bundle'],
  initial_resource_versions: { 'spiffe://a.test': 'any' },
};
const sds = 'envoy.service.secret.v3.SecretDiscoveryService';
const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

const calls = [
  [`${sds}.FetchSecrets`, sotw],
  [`${sds}.StreamSecrets`, sotw],
  [`${sds}.DeltaSecrets`, delta],
  [`${ads}.StreamAggregatedResources`, sotw],
  [`${ads}.DeltaAggregatedResources`, delta],
  ['grpc.health.v1.Health.Check', {}],
] as const;

interface Report {
  readonly count: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly errorDistribution: Readonly<Record<string, number>>;
}

for (const transport of xdsTransports)
  suite(
    `ghz, which knows the server by its reflection alone: ${transport}`,
    { skip: ghz.kind === 'missing' ? ghz.reason : false },
    () => {
      let server: Meshtrust | undefined;
      before(async () => {
        server = await startMeshtrust({ dirs: [trust], args: [`--xds-transport=${transport}`] });
      });
      after(() => server?.[Symbol.asyncDispose]());

      for (const [call, data] of calls) {
        test(`${call}: ghz can call it`, async () => {
          assert.ok(ghz.kind === 'found' && server !== undefined);
          const args = ['--insecure', '--call', call, '-n', '20', '-c', '2', '-d', JSON.stringify(data)];
          const { stdout } = await run(ghz.path, [...args, '-O', 'json', `127.0.0.1:${server.xdsPort}`]);
          const { count, statusCodeDistribution, errorDistribution } = JSON.parse(stdout) as Report;
          assert.deepEqual([count, statusCodeDistribution, errorDistribution], [20, { OK: 20 }, {}]);
        });
      }

      test('is answered: each request got a response that carries the secret', async () => {
        const responses = await server?.metric('meshtrust_xds_responses_total');
        assert.equal(responses?.get(`type_url="${typeUrls.secret}",result="resources"`), 80);
        const fetches = await server?.metric('meshtrust_xds_fetches_total');
        assert.equal(fetches?.get('transport="sds",outcome="response"'), 20);
      });

      // ghz measures the connection with a PING after nearly every response.
      test('calls FetchSecrets 5,000 times on one connection: all are OK', async () => {
        assert.ok(ghz.kind === 'found' && server !== undefined);
        const { path } = ghz;
        const call = `${sds}.FetchSecrets`;
        const args = ['--insecure', '--call', call, '-n', '5000', '-c', '1', '-d', JSON.stringify(sotw)];
        const { stdout } = await run(path, [...args, '-O', 'json', `127.0.0.1:${server.xdsPort}`], {
          maxBuffer: 64 * 1024 * 1024,
        });
        const { statusCodeDistribution } = JSON.parse(stdout) as Report;
        assert.deepEqual(statusCodeDistribution, { OK: 5000 });
      });
    },
  );
