import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { skip, startStage } from '../cluster/stage.ts';
import { applyRecipe, envoyContainer, installCrds } from './manifests.ts';
import { issueCertificates, mountSecret } from './play-cert-manager.ts';
import { openRecipe } from './recipe.ts';

/** The serial number of the certificate that a listener shows. */
async function serialAt(port: number, client: Certificate): Promise<string | undefined> {
  const socket = connect({ port, rejectUnauthorized: false, cert: client.certPem, key: client.keyPem });
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}

test('leaf from cert-manager, trust from meshtrust: the Envoy uses both', { skip }, async (t) => {
  const ca = makeCa({ commonName: 'prod-ca' });
  await using recipe = await openRecipe('cert-manager-leaf', { 'CA of prod.example': ca.certPem });
  await using stage = await startStage();
  await installCrds(stage);
  const container = envoyContainer(await applyRecipe(stage, 'cert-manager-leaf', 'web'));
  await stage.kubectl('apply -f -', recipe.text('trust.yaml'));
  const meshtrust = await stage.meshtrust({ xdsPort: recipe.port(5678) });
  const issue = (): Certificate =>
    issueCertificates(recipe.text('certificate.yaml'), ca).get(container.secret.name) ??
    assert.fail('no Certificate writes the Secret that the pod mounts');
  const client = makeLeaf(ca, { spiffeId: 'spiffe://prod.example/ns/shop/sa/shop' });
  const first = issue();

  await t.test('Envoy of the pod: accepts clients of the trust domain alone', async () => {
    await mountSecret(recipe.path(container.secret.path), first, ca);
    assert.deepEqual(Object.keys(container.config.files).sort(), ['envoy.yaml', 'leaf.yaml']);
    await recipe.install('.', container.config.path);
    await recipe.application(8080, 'web');
    await recipe.envoy('envoy.yaml', { args: container.args });
    await untilDecision(recipe.port(8443), client, 'accepted');
    const other = makeCa({ commonName: 'prod-ca' });
    await untilDecision(
      recipe.port(8443),
      makeLeaf(other, { spiffeId: 'spiffe://prod.example/x' }),
      'refused',
    );
    const { body } = await meshtrust.admin('/api/v1/proxies');
    assert.match(body, /"pod-1\.edge"/);
  });

  await t.test('renewed certificate: is shown without a restart', async () => {
    assert.equal(await serialAt(recipe.port(8443), client), new X509Certificate(first.certPem).serialNumber);
    const second = issue();
    await mountSecret(recipe.path(container.secret.path), second, ca);
    const { serialNumber } = new X509Certificate(second.certPem);
    await poll('the renewed certificate', async () =>
      (await serialAt(recipe.port(8443), client)) === serialNumber ? true : undefined,
    );
  });
});
