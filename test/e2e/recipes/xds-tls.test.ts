import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { findTool } from '../../kit/find-tool.ts';
import { chart, readManifests, runHelm } from '../../kit/helm.ts';
import { tryClient, untilDecision } from '../../kit/tls-client.ts';
import { makeDomain } from '../../kit/domain.ts';
import { meshTrust, skip as clusterSkip, startStage } from '../cluster/stage.ts';
import { installCrds } from './manifests.ts';
import { issueCertificates, mountSecret } from './play-cert-manager.ts';
import { openRecipe } from './recipe.ts';

const helm = await findTool('helm');
const skip = clusterSkip === false && helm.kind === 'missing' ? helm.reason : clusterSkip;
const examples = fileURLToPath(new URL('../../../examples/xds-tls', import.meta.url));

/** The TLS flags of the Deployment that the chart renders with the values of the recipe. */
async function tlsFlags(): Promise<readonly string[]> {
  const release = ['template', 'meshtrust', chart, '--namespace', 'meshtrust-system'];
  const { stdout } = await runHelm(helm)([...release, '--values', `${examples}/values.yaml`]);
  const deployment = readManifests(stdout).find(({ kind }) => kind === 'Deployment');
  assert.ok(deployment !== undefined);
  const { template } = deployment['spec'] as {
    readonly template: {
      readonly spec: { readonly containers: readonly [{ readonly args: readonly string[] }] };
    };
  };
  return template.spec.containers[0].args.filter((arg) => arg.startsWith('--tls-'));
}

test('xDS with certificates of cert-manager: only their Envoys get trust', { skip }, async (t) => {
  const domain = makeDomain('prod.example');
  const xdsCa = makeCa({ commonName: 'CA of xDS' });
  await using recipe = await openRecipe('xds-tls');
  await using stage = await startStage();
  await installCrds(stage);
  for (const namespace of ['cert-manager', 'meshtrust-system', 'web'])
    await stage.kubectl(`create namespace ${namespace}`);
  // Of several namespaces, so without that of the stage.
  const strictly = ['apply', '--validate=strict', '--warnings-as-errors'];
  for (const file of ['issuer.yaml', 'certificates.yaml'])
    await stage.cluster.kubectl([...strictly, '-f', `${examples}/${file}`]);
  await stage.kubectl('apply -f -', meshTrust(domain));
  const issued = issueCertificates(recipe.text('certificates.yaml'), xdsCa);
  const [server, client] = [issued.get('meshtrust-xds'), issued.get('envoy-xds')];
  assert.ok(server !== undefined && client !== undefined);
  await mountSecret(recipe.path('/tls'), server, xdsCa);
  const flags = (await tlsFlags()).map((flag) => flag.replace('=/tls/', `=${recipe.path('/tls')}/`));
  assert.equal(flags.length, 3);
  const meshtrust = await stage.meshtrust({ xdsPort: recipe.port(5678), args: flags });
  await recipe.application(8080, 'web');
  await recipe.installTls('/etc/envoy/tls', makeLeaf(domain.ca, { spiffeId: 'spiffe://prod.example/web' }));
  await recipe.install('.', '/etc/envoy/config');

  await t.test('a certificate of another CA → the Envoy gets no trust, and accepts nobody', async () => {
    const other = makeCa({ commonName: 'CA of xDS' });
    await mountSecret(recipe.path('/etc/envoy/xds'), makeLeaf(other, { commonName: 'envoy.web' }), xdsCa);
    const text = recipe.text('envoy.yaml').replace('id: web-1', 'id: stranger');
    const envoy = await recipe.envoy('envoy.yaml', { text, waitUntilLive: false });
    // The second attempt shows that the first one has failed.
    await envoy.untilStat('cluster.meshtrust.upstream_cx_total', 2);
    assert.notEqual(await tryClient(recipe.port(8443), domain.client), 'accepted');
    assert.doesNotMatch((await meshtrust.admin('/api/v1/proxies')).body, /"stranger"/);
    await envoy.get('/server_info');
  });

  await t.test(
    'the certificate of cert-manager → the Envoy accepts clients of the trust domain',
    async () => {
      await mountSecret(recipe.path('/etc/envoy/xds'), client, xdsCa);
      // The Envoy with the other certificate reads the new one by itself, without a restart.
      await untilDecision(recipe.port(8443), domain.client, 'accepted');
      const stranger = makeLeaf(makeCa(), { spiffeId: 'spiffe://prod.example/client' });
      await untilDecision(recipe.port(8443), stranger, 'refused');
    },
  );
});
