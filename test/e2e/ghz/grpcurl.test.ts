import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { typeUrls } from '../../../src/xds/index.ts';
import { findTool } from '../../kit/find-tool.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';

const run = promisify(execFile);
const grpcurl = await findTool('grpcurl', { onPath: 'grpcurl' });
const trust = fileURLToPath(new URL('../../../examples/trust', import.meta.url));
const service = 'envoy.service.secret.v3.SecretDiscoveryService';
const request = {
  node: { id: 'grpcurl', metadata: { mesh: 'default' } },
  type_url: typeUrls.secret,
  resource_names: ['system_trust_bundle'],
};

suite(
  'grpcurl, which knows the server by its reflection alone',
  { skip: grpcurl.kind === 'missing' && grpcurl.reason },
  () => {
    for (const transport of xdsTransports)
      test(`${transport}: lists the services, describes one, and gets a secret by a call and by a stream`, async () => {
        assert.ok(grpcurl.kind === 'found');
        const { path } = grpcurl;
        await using server = await startMeshtrust({ dirs: [trust], args: [`--xds-transport=${transport}`] });
        const call = async (...args: readonly string[]): Promise<string> =>
          (await run(path, ['-plaintext', '-max-time', '20', ...args])).stdout;
        const address = `127.0.0.1:${server.xdsPort}`;
        assert.ok((await call(address, 'list')).split('\n').includes(service));
        assert.match(await call(address, 'describe', service), /rpc FetchSecrets/);
        for (const method of ['FetchSecrets', 'StreamSecrets']) {
          const response = await call('-d', JSON.stringify(request), address, `${service}/${method}`);
          const { resources } = JSON.parse(response) as { readonly resources: readonly object[] };
          assert.equal(resources.length, 1, method);
        }
      });
  },
);
