import assert from 'node:assert/strict';
import { get } from 'node:https';
import { test } from 'node:test';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { startTlsServer } from '../../kit/tls-server.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { makeDomain } from '../../kit/domain.ts';
import { listOf, meshTrust, skip, startStage } from '../cluster/stage.ts';
import { applyRecipe, envoyContainer, installCrds } from './manifests.ts';
import { issueCertificates, mountSecret } from './play-cert-manager.ts';
import { openRecipe, untilServerRefused } from './recipe.ts';

/** The status of a request over TLS with a client certificate. */
async function statusFor(port: number, { certPem, keyPem }: Certificate): Promise<number> {
  const options = { port, cert: certPem, key: keyPem, rejectUnauthorized: false, agent: false };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  get(options, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  }).on('error', reject);
  return promise;
}

test('gateway without a sidecar: accepts the listed zones of a Kuma mesh', { skip }, async (t) => {
  const gatewayCa = makeCa({ commonName: 'gateway-ca' });
  const [zone1, zone2] = [1, 2].map((zone) => makeDomain(`default.zone-${zone}.mesh.local`));
  assert.ok(zone1 !== undefined && zone2 !== undefined);
  await using recipe = await openRecipe('kuma-gateway', { 'CA of gateway.example': gatewayCa.certPem });
  await using stage = await startStage();
  await installCrds(stage);
  const container = envoyContainer(await applyRecipe(stage, 'kuma-gateway', 'edge'));
  // What Kuma has written for the zones of the mesh, and the MeshTrust of the recipe.
  await stage.kubectl('apply -f -', listOf(meshTrust(zone1), meshTrust(zone2)));
  await stage.kubectl('apply -f -', recipe.text('trust.yaml'));
  await stage.meshtrust({ xdsPort: recipe.port(5678) });
  const leaf = issueCertificates(recipe.text('certificate.yaml'), gatewayCa).get(container.secret.name);
  assert.ok(leaf !== undefined, 'a Certificate writes the Secret that the pod mounts');
  await mountSecret(recipe.path(container.secret.path), leaf, gatewayCa);
  await recipe.install('.', container.config.path);
  const sidecar = (ca = zone1.ca) =>
    startTlsServer(recipe.port(8080), makeLeaf(ca, { spiffeId: `spiffe://${zone1.name}/orders` }), 'orders');
  await using stack = new AsyncDisposableStack();
  const genuine = await sidecar();
  stack.defer(() => genuine[Symbol.asyncDispose]());
  const envoy = await recipe.envoy('envoy.yaml', { args: container.args });

  await t.test('clients of each zone: are accepted, and reach the sidecar', async () => {
    for (const { client } of [zone1, zone2]) await untilDecision(recipe.port(8443), client, 'accepted');
  });

  await t.test('client of no listed CA: is refused', async () => {
    const stranger = makeLeaf(makeCa(), { spiffeId: `spiffe://${zone1.name}/client` });
    await untilDecision(recipe.port(8443), stranger, 'refused');
  });

  await t.test('removed zone: is refused, and the other one is not', async () => {
    await stage.kubectl(`delete mtrust ${zone2.name}`);
    await untilDecision(recipe.port(8443), zone2.client, 'refused');
    await untilDecision(recipe.port(8443), zone1.client, 'accepted');
  });

  await t.test('server that claims to be the sidecar: gets no request', async () => {
    await genuine[Symbol.asyncDispose]();
    await using _ = await sidecar(makeCa());
    await untilServerRefused(envoy, 'cluster.orders.ssl.fail_verify_error', () =>
      statusFor(recipe.port(8443), zone1.client),
    );
  });
});
