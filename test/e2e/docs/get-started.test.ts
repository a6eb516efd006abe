import { readFile, writeFile } from 'node:fs/promises';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import type { RolloutDetail } from '../../../src/api/fleet-api-types.ts';
import { findEnvoy } from '../../kit/find-envoy.ts';
import { poll } from '../../kit/poll.ts';
import type { PageStage } from './page-stage.ts';
import { missingTools, runPage } from './run-page.ts';

const envoy = await findEnvoy('newest');

async function get<T>(stage: PageStage, path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${stage.portOf(5680)}/api/v1/meshes/default${path}`);
  return (await response.json()) as T;
}

/** Waits until the Envoy has acknowledged what is served: a trust domain, or none. */
async function untilSynced(stage: PageStage, denyAll: boolean): Promise<void> {
  await poll('the Envoy to have the trust', async () => {
    const mesh = await get<MeshDetail>(stage, '');
    const { proxies, converged } = await get<RolloutDetail>(stage, '/rollout');
    return mesh.denyAll === denyAll && proxies.connected === 1 && converged ? true : undefined;
  });
}

/** Puts Envoy on the PATH, and the free ports of the test into the bootstrap. */
async function installEnvoy(stage: PageStage): Promise<void> {
  if (envoy.kind !== 'found') return;
  await stage.install('envoy', envoy.path);
  const path = stage.path('envoy.yaml');
  const text = await readFile(path, 'utf8');
  await writeFile(
    path,
    text.replaceAll(/port_value: (\d+)/g, (_, port: string) => `port_value: ${stage.portOf(Number(port))}`),
  );
}

const curl = 'curl --silent --cacert ca.pem --cert client.pem --key client.key https://localhost:8443';

runPage({
  page: 'docs/get-started.md',
  skip: envoy.kind === 'missing' ? envoy.reason : missingTools('curl', 'jq', 'openssl'),
  commands: {
    'meshtrust verify --leaf client.pem trust/': { varies: ['hash', 'date'] },
    'meshtrust serve trust/': { until: /ready: trust is served/, stays: true },
    'envoy --config-path envoy.yaml': {
      prepare: installEnvoy,
      instead: ['envoy --use-dynamic-base-id --config-path envoy.yaml', 'other Envoys may run'],
      until: /all dependencies initialized\. starting workers/,
      stays: true,
    },
    'meshtrust proxy-status': {
      prepare: (stage) => untilSynced(stage, false),
      varies: ['age', 'hash', 'width'],
    },
    [curl]: {},
    'curl --silent --show-error --tls-max 1.2 --cacert ca.pem --cert client.pem --key client.key https://localhost:8443':
      { prepare: (stage) => untilSynced(stage, true), exitCode: 35 },
  },
});
