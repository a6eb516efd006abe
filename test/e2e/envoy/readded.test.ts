import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { createEnvoyAdmin } from '../../kit/envoy-admin.ts';
import type { EnvoyAdmin } from '../../kit/envoy-admin.ts';
import { envoyBootstrap } from '../../kit/envoy-bootstrap.ts';
import { adminPortIn, startEnvoyProcess } from '../../kit/envoy-process.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';

const secret = 'spiffe://a.test';

interface SecretsDump {
  readonly dynamic_active_secrets?: readonly { readonly name: string }[];
  readonly dynamic_warming_secrets?: readonly { readonly name: string }[];
}

/** Returns whether the secret is in force in an Envoy, awaited by it, or absent. */
async function stateOf(admin: EnvoyAdmin): Promise<'active' | 'warming' | 'absent'> {
  const dump = JSON.parse(await admin.get('/config_dump')) as { configs: readonly Record<string, unknown>[] };
  const secrets = dump.configs.find(({ '@type': type }) => String(type).endsWith('.SecretsConfigDump'));
  const { dynamic_active_secrets: active = [], dynamic_warming_secrets: warming = [] } = (secrets ??
    {}) as SecretsDump;
  if (active.some(({ name }) => name === secret)) return 'active';
  return warming.some(({ name }) => name === secret) ? 'warming' : 'absent';
}

/** A cluster whose validation context is the secret. */
const cluster = {
  '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  name: 'upstream',
  type: 'STATIC',
  load_assignment: { cluster_name: 'upstream' },
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        validation_context_sds_secret_config: {
          name: secret,
          sds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
        },
      },
    },
  },
};

for (const transport of ['sotw-ads', 'delta-ads'] as const) {
  for (const { path, version } of binaries) {
    test(
      `Envoy ${version}, ${transport}: a secret dropped and subscribed to again while the server is down → is sent after the restart`,
      { skip },
      async () => {
        await using dir = await makeTempDir();
        await using trust = await makeTempDir();
        await watchedDir(trust.path).put('a.yaml', makeDomain('a.test').yaml());
        await using stack = new AsyncDisposableStack();
        const first = stack.use(await startMeshtrust({ dirs: [trust.path] }));
        const { xdsPort, adminPort } = first;
        let writes = 0;
        const putClusters = async (...resources: readonly object[]): Promise<void> => {
          writes += 1;
          await writeFile(dir.join('next'), JSON.stringify({ version_info: String(writes), resources }));
          await rename(dir.join('next'), dir.join('cds.json'));
        };
        await putClusters(cluster);
        const bootstrap = envoyBootstrap({
          transport,
          xdsPort,
          nodeId: 'readded',
          mesh: 'default',
          secretNames: ['system_trust_bundle'],
          identity: makeSelfSignedLeaf({ commonName: 'listener' }),
          tls: undefined,
          initialFetchTimeout: 0,
        }) as { readonly dynamic_resources: object };
        const cds = { resource_api_version: 'V3', path_config_source: { path: dir.join('cds.json') } };
        const files = { config: dir.join('envoy.json'), admin: dir.join('admin') };
        const config = {
          ...bootstrap,
          dynamic_resources: { ...bootstrap.dynamic_resources, cds_config: cds },
        };
        await writeFile(files.config, JSON.stringify(config));
        const envoy = await startEnvoyProcess(path, files);
        stack.defer(async () => void (await envoy.stop('SIGKILL')));
        const admin = createEnvoyAdmin('readded', await poll('the admin port', () => adminPortIn(files)));
        const until = (state: string): Promise<true> =>
          poll(`the secret to be ${state}`, async () =>
            (await stateOf(admin)) === state ? true : undefined,
          );
        await until('active');
        await admin.untilStat('sds.system_trust_bundle.update_success', 1);

        await putClusters();
        await until('absent');
        await first.stop('SIGKILL');
        await putClusters(cluster);
        await until('warming');
        stack.use(await startMeshtrust({ dirs: [trust.path], xdsPort, adminPort }));
        await until('active');
        assert.equal(await admin.stat(`sds.${secret}.update_rejected`), 0);
      },
    );
  }
}
