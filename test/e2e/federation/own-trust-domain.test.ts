import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startBundleStage } from './bundle-stage.ts';

test('trust domain that is published by its name: is never taken from a peer', async () => {
  const web = makeCa({ commonName: 'Web CA' });
  const [own, foreign] = [makeCa({ commonName: 'own' }), makeCa({ commonName: 'foreign' })];
  await using stage = await startBundleStage({
    profile: 'web',
    leaf: makeLeaf(web, { dnsNames: ['localhost'] }),
    trust: { 'a.test': [own] },
    args: ['--bundle-serve=default/a.test', '--federation'],
  });
  const keys = [
    {
      ...foreign.publicKey.export({ format: 'jwk' }),
      use: 'x509-svid',
      x5c: [foreign.der.toString('base64')],
    },
  ];
  await stage.put(
    'peer.yaml',
    JSON.stringify({
      apiVersion: 'spire.spiffe.io/v1alpha1',
      kind: 'ClusterFederatedTrustDomain',
      metadata: { name: 'peer' },
      spec: {
        trustDomain: 'a.test',
        bundleEndpointURL: 'https://127.0.0.1:1/',
        bundleEndpointProfile: { type: 'https_web' },
        trustDomainBundle: JSON.stringify({ keys }),
      },
    }),
  );
  await stage.server.logged('the finding', ({ code }) => code === 'MT087');
  const { body } = await fetchBundle(`127.0.0.1:${new URL(stage.url).port}`, '/a.test', { ca: web.certPem });
  const published = (JSON.parse(body) as { readonly keys: readonly { readonly x5c: readonly string[] }[] })
    .keys;
  assert.deepEqual(
    published.map(({ x5c }) => x5c),
    [[own.der.toString('base64')]],
  );
  assert.doesNotMatch((await stage.server.admin('/api/v1/meshes/default/certificates')).body, /foreign/);
});
