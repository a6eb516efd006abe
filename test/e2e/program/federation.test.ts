import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { untilServed } from './served.ts';

const trustDomain = 'spire.test';
const id = `spiffe://${trustDomain}/spire/server`;
const args = ['--federation', '--federation-min-interval=1s'];

test('https_spiffe: a CA that is added or removed at the endpoint is served or withdrawn here', async () => {
  await using dir = await makeTempDir();
  const files = watchedDir(dir.path);
  const [first, second] = [makeCa({ commonName: 'One' }), makeCa({ commonName: 'Two' })];
  const document = bundleDocument([first], { sequence: 1, refreshHint: 1 });
  await using endpoint = await startBundleEndpoint(makeLeaf(first, { spiffeId: id }), document);
  await files.put('peer.yaml', federatedText({ trustDomain, url: endpoint.url, id, bundle: document }));
  await using server = await startMeshtrust({ dirs: [dir.path], args });
  await untilServed(server, ['spire.test: One']);

  endpoint.serve(bundleDocument([first, second], { sequence: 2, refreshHint: 1 }));
  await untilServed(server, ['spire.test: One Two']);
  endpoint.present(makeLeaf(second, { spiffeId: id }));
  endpoint.serve(bundleDocument([second], { sequence: 3, refreshHint: 1 }));
  await untilServed(server, ['spire.test: Two']);

  const [request] = endpoint.requests;
  assert.match(request?.headers['user-agent'] ?? '', /^meshtrust\/\S+ \(.+\)$/);
  await files.remove('peer.yaml');
  await untilServed(server, []);
});

test('https_web: the endpoint is authenticated by --federation-web-ca', async () => {
  await using dir = await makeTempDir();
  await using other = await makeTempDir();
  const files = watchedDir(dir.path);
  const [web, ca] = [makeCa({ commonName: 'Web' }), makeCa({ commonName: 'One' })];
  await watchedDir(other.path).put('web.pem', web.certPem);
  const leaf = makeLeaf(web, { dnsNames: ['localhost'] });
  await using endpoint = await startBundleEndpoint(leaf, bundleDocument([ca], { refreshHint: 1 }));
  await files.put('peer.yaml', federatedText({ trustDomain, url: endpoint.url }));
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: [...args, `--federation-web-ca=${join(other.path, 'web.pem')}`],
  });
  await untilServed(server, ['spire.test: One']);
});
