import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilAll } from '../../kit/both-envoys.ts';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';
import { federationCrd } from './federation-crd.ts';
import { makeOverlay } from './overlay.ts';
import { meshTrust, requestsFor, skip, startStage } from './stage.ts';
import { webhookConfiguration } from './webhook-configuration.ts';

/** The objects that the webhook reviews here. */
const reviewed = {
  apiGroup: 'spire.spiffe.io',
  resource: 'clusterfederatedtrustdomains',
  scope: 'Cluster',
} as const;

test('ClusterFederatedTrustDomains of a cluster: peers are trusted', { skip }, async (t) => {
  await using stage = await startStage();
  const [listed, first, second] = [
    makeDomain('listed.test'),
    makeDomain('peer.test'),
    makeDomain('peer.test'),
  ];
  const id = `spiffe://${first.name}/spire/server`;
  const document = (sequence: number, ...domains: readonly (typeof first)[]) =>
    bundleDocument(
      domains.map(({ ca }) => ca),
      { sequence, refreshHint: 1 },
    );
  await using endpoint = await startBundleEndpoint(makeLeaf(first.ca, { spiffeId: id }), document(1, first));
  await stage.kubectl('apply -f -', meshTrust(listed));
  const webhookCa = makeCa({ commonName: 'Webhook CA' });
  const serving = makeLeaf(webhookCa, { commonName: 'meshtrust', dnsNames: ['localhost'] });
  const port = await freePort();
  const meshtrust = await stage.meshtrust({
    args: [
      '--federation',
      '--federation-min-interval=1s',
      `--webhook-listen=localhost:${port}`,
      `--webhook-cert=${await stage.cluster.writeFile('webhook.crt', serving.certPem)}`,
      `--webhook-key=${await stage.cluster.writeFile('webhook.key', serving.keyPem)}`,
    ],
  });
  const envoys = await stage.envoys(meshtrust);

  await t.test(
    'without the right to read them: MeshTrusts are served, and the failure is reported',
    async () => {
      await untilAll(envoys, listed.client, 'accepted');
      await meshtrust.logged(
        'the failure',
        ({ code, msg }) => code === 'MT001' && /clusterfederatedtrustdomains/.test(String(msg)),
      );
    },
  );

  await t.test(
    'with the component of the manifests and the CRD: the clients of the peer are admitted',
    async () => {
      await using overlay = await makeOverlay('federation');
      await stage.kubectl('apply -f -', JSON.stringify(federationCrd));
      await stage.kubectl(
        'wait --for=condition=Established --timeout=30s crd/clusterfederatedtrustdomains.spire.spiffe.io',
      );
      const labels = { 'kuma.io/mesh': 'default' };
      const bundle = document(1, first);
      const peer = { trustDomain: first.name, url: endpoint.url, id, bundle, labels };
      await stage.kubectl('apply -f -', federatedText(peer));
      const { stdout } = await stage.cluster.kubectl(['kustomize', overlay.path]);
      assert.match(stdout, /- --federation\n/);
      await stage.kubectl('apply -f -', stdout);
      await untilAll(envoys, first.client, 'accepted');
      await untilAll(envoys, listed.client, 'accepted');
    },
  );

  await t.test('the peer replaces its CA: the next client is admitted, the earlier one is not', async () => {
    endpoint.serve(document(2, first, second));
    await untilAll(envoys, second.client, 'accepted');
    endpoint.present(makeLeaf(second.ca, { spiffeId: id }));
    endpoint.serve(document(3, second));
    await untilAll(envoys, first.client, 'refused');
    await untilAll(envoys, second.client, 'accepted');
  });

  await t.test('webhook, before a deletion: the warning names the trust domain that is lost', async () => {
    await stage.kubectl('apply -f -', webhookConfiguration(port, webhookCa, reviewed));
    const command = ['delete', 'clusterfederatedtrustdomain', 'peer', '--dry-run=server'];
    const warning = await poll('the API server to send reviews', async () => {
      const { stderr } = await stage.cluster.kubectl(command);
      return stderr === '' ? undefined : stderr;
    });
    assert.equal(
      warning,
      'Warning: trust domain peer.test of mesh default is left without any CA: proxies will reject all of its clients\n',
    );
  });

  await t.test('deleted: the clients of the peer are refused, and the MeshTrust stays', async () => {
    await stage.kubectl('delete clusterfederatedtrustdomain peer');
    await untilAll(envoys, second.client, 'refused');
    await untilAll(envoys, listed.client, 'accepted');
  });

  await t.test('requests of the program: only list and watch ClusterFederatedTrustDomains', async () => {
    await meshtrust.stop();
    const asked = await requestsFor(stage, 'clusterfederatedtrustdomains');
    assert.deepEqual(new Set(asked.map(({ verb }) => verb)), new Set(['list', 'watch']));
  });
});
