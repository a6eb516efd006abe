import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { run } from '../run.ts';

const trustDomain = 'spire.test';
const id = `spiffe://${trustDomain}/spire/server`;
const ca = makeCa({ commonName: 'One' });
const bundle = bundleDocument([ca], { sequence: 4 });

suite('meshtrust federation', () => {
  test('a relationship that is fetched, and one that fails', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await using endpoint = await startBundleEndpoint(makeLeaf(ca, { spiffeId: id }), bundle);
    const dead = { trustDomain: 'dead.test', name: 'dead', url: 'https://127.0.0.1:1/' };
    await files.put(
      'peers.yaml',
      `${federatedText({ trustDomain, url: endpoint.url, id, bundle })}---\n${federatedText(dead)}`,
    );
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: ['--federation'],
      waitUntilReady: false,
    });
    const at = ['--server', `http://127.0.0.1:${server.adminPort}`];
    await server.logged('both', ({ event, trustDomain: of }) => event === 'federation' && of === 'dead.test');
    const json = await run(['federation', '-o', 'json', ...at]);
    const { relationships } = JSON.parse(json.stdout) as {
      relationships: readonly Record<string, unknown>[];
    };
    assert.deepEqual(
      relationships.map(({ trustDomain: of, state, source, anchors }) => [of, state, source, anchors]),
      [
        ['dead.test', 'failing', 'none', 0],
        [trustDomain, 'fetched', 'fetched', 1],
      ],
    );
    const { code, stdout, stderr } = await run(['federation', ...at]);
    assert.equal(code, 0);
    assert.match(stdout, /^default +dead\.test +failing +0 +- +connect: connection refused$/m);
    assert.match(stdout, /^default +spire\.test +fetched +1 +20\S+Z +-$/m);
    assert.equal(stderr, '2 relationships, 1 failing\n');

    const requests = endpoint.requests.length;
    const refresh = await run(['federation', 'refresh', '--trust-domain', trustDomain, ...at]);
    assert.equal(refresh.stderr, '1 bundle fetched now: meshtrust federation shows the result\n');
    await poll('the fetch', () => Promise.resolve(endpoint.requests.length > requests || undefined));
    const unknown = await run(['federation', 'refresh', '--trust-domain', 'other.test', ...at]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no such relationship/);
  });

  test('a server without --federation: an error', async () => {
    await using dir = await makeTempDir();
    await watchedDir(dir.path).put(
      'peer.yaml',
      federatedText({ trustDomain, url: 'https://a.test/', id, bundle }),
    );
    await using server = await startMeshtrust({ dirs: [dir.path], args: ['--guard-hold=0'] });
    const { code, stderr } = await run(['federation', '--server', `http://127.0.0.1:${server.adminPort}`]);
    assert.equal(code, 1);
    assert.match(stderr, /fetches no bundles: start it with --federation/);
    await server.logged('the finding', ({ code: of }) => of === 'MT082');
  });
});

suite('meshtrust validate', () => {
  test('ClusterFederatedTrustDomains: are checked', async () => {
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('peer.yaml', federatedText({ trustDomain, url: 'https://a.test/', id, bundle }));
    const good = await run(['validate', dir.path]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stderr, /^1 ClusterFederatedTrustDomain checked$/m);
    assert.doesNotMatch(good.stderr, /skipped/);
    await files.put('peer.yaml', federatedText({ trustDomain, url: 'http://a.test/', id: 'a' }));
    const bad = await run(['validate', dir.path]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /MT003 bundleEndpointURL must begin with https:\/\//);
    assert.match(bad.stdout, /MT003 endpointSPIFFEID must be a SPIFFE ID/);
  });
});
