import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bundleDocument, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { serveAsPeer, skipSpiffePeer } from '../../kit/spiffe-peer.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { untilServed } from '../program/served.ts';

const trustDomain = 'peer.test';
const id = `spiffe://${trustDomain}/spire/server`;

/** Starts go-spiffe as the endpoint, and this program as its consumer. */
async function startPeers(cas: readonly Certificate[], leaf: Certificate, profile: 'web' | 'spiffe') {
  await using stack = new AsyncDisposableStack();
  const [endpoint, trust] = [stack.use(await makeTempDir()), stack.use(await makeTempDir())];
  const files = watchedDir(endpoint.path);
  let sequence = 0;
  const publish = (all: readonly Certificate[]): Promise<void> =>
    files.put('bundle.json', JSON.stringify(bundleDocument(all, { sequence: ++sequence, refreshHint: 1 })));
  await publish(cas);
  await files.put('tls.crt', leaf.certPem);
  await files.put('tls.key', leaf.keyPem);
  const peer = stack.use(
    await serveAsPeer({
      trustDomain,
      bundleFile: endpoint.join('bundle.json'),
      certificateFile: endpoint.join('tls.crt'),
      keyFile: endpoint.join('tls.key'),
    }),
  );
  const url = `https://${peer.address.replace('127.0.0.1', 'localhost')}/`;
  const how = profile === 'spiffe' ? { id, bundle: bundleDocument(cas) } : {};
  await watchedDir(trust.path).put('peer.yaml', federatedText({ trustDomain, url, ...how }));
  const args = ['--federation', '--federation-min-interval=1s'];
  if (profile === 'web') args.push(`--federation-web-ca=${endpoint.join('web-ca.pem')}`);
  return { stack: stack.move(), files, publish, trust, args };
}

suite('go-spiffe as an endpoint', { skip: skipSpiffePeer }, () => {
  test('https_spiffe: each kind of key is read, and changes are followed', async () => {
    const root = makeCa({ commonName: 'EC' });
    const others = [
      makeCa({ commonName: 'RSA', keyType: 'rsa-2048' }),
      makeCa({ commonName: 'P-384', keyType: 'ec-p384' }),
      makeIntermediate(root, { commonName: 'Intermediate' }),
    ];
    const leaf = makeLeaf(root, { spiffeId: id });
    const { stack, publish, trust, args } = await startPeers([root], leaf, 'spiffe');
    await using _ = stack;
    await using server = await startMeshtrust({ dirs: [trust.path], args });
    await untilServed(server, ['peer.test: EC']);
    await publish([root, ...others]);
    await untilServed(server, ['peer.test: EC Intermediate P-384 RSA']);
    await publish([root]);
    await untilServed(server, ['peer.test: EC']);
  });

  test('https_web: the bundle is read', async () => {
    const [web, ca] = [makeCa({ commonName: 'Web' }), makeCa({ commonName: 'One' })];
    const leaf = makeLeaf(web, { dnsNames: ['localhost'] });
    const { stack, files, trust, args } = await startPeers([ca], leaf, 'web');
    await using _ = stack;
    await files.put('web-ca.pem', web.certPem);
    await using server = await startMeshtrust({ dirs: [trust.path], args });
    await untilServed(server, ['peer.test: One']);
    assert.equal(server.logs().filter(({ code }) => code === 'MT083').length, 0);
  });
});
