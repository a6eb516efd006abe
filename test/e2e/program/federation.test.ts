import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MeshDetail } from '../../../src/api/api-types.ts';
import type { FederationList, FederationRelationship } from '../../../src/api/federation-api-types.ts';
import { bundleDocument, federatedText, startBundleEndpoint } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { run } from '../../cli/run.ts';
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

test('--federation-web-ca changes: is followed, and a broken file leaves the previous one in force', async () => {
  await using dir = await makeTempDir();
  await using other = await makeTempDir();
  const files = watchedDir(dir.path);
  const [first, second] = [makeCa({ commonName: 'Web 1' }), makeCa({ commonName: 'Web 2' })];
  const cas = ['One', 'Two', 'Three'].map((commonName) => makeCa({ commonName }));
  const leafOf = (ca: typeof first) => makeLeaf(ca, { dnsNames: ['localhost'] });
  const document = (count: number) =>
    bundleDocument(cas.slice(0, count), { sequence: count, refreshHint: 1 });
  const webCa = watchedDir(other.path);
  await webCa.put('web.pem', first.certPem);
  await using endpoint = await startBundleEndpoint(leafOf(first), document(1));
  await files.put('peer.yaml', federatedText({ trustDomain, url: endpoint.url }));
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: [...args, `--federation-web-ca=${join(other.path, 'web.pem')}`],
  });
  await untilServed(server, ['spire.test: One']);

  await webCa.put('web.pem', second.certPem.slice(0, 200));
  await server.logged('the broken file', ({ event }) => event === 'web-ca-refused');
  await server.logged('the finding', ({ code }) => code === 'MT062');
  const metric = async (): Promise<number | undefined> =>
    (await server.metric('meshtrust_lint_findings')).get('code="MT062",severity="error"');
  assert.equal(await metric(), 1);
  endpoint.serve(document(2));
  await untilServed(server, ['spire.test: One Two']);

  endpoint.present(leafOf(second));
  await server.logged('the failure', ({ event, result }) => event === 'federation' && result === 'tls');
  endpoint.serve(document(3));
  await webCa.put('web.pem', second.certPem);
  await untilServed(server, ['spire.test: One Three Two'], 20_000);
  await poll('the end of the finding', async () => (await metric()) === 0 || undefined);
});

/** Returns the relationships of a running server. */
async function relationshipsOf(server: Meshtrust): Promise<readonly FederationRelationship[]> {
  return (JSON.parse((await server.admin('/api/v1/federation')).body) as FederationList).relationships;
}

test('restart with everything dead: the same bytes are served, and the API says since when', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  const files = watchedDir(dir.path);
  const [first, second] = [makeCa({ commonName: 'One' }), makeCa({ commonName: 'Two' })];
  const document = bundleDocument([first], { sequence: 1, refreshHint: 1 });
  const endpoint = await startBundleEndpoint(makeLeaf(first, { spiffeId: id }), document);
  await files.put('peer.yaml', federatedText({ trustDomain, url: endpoint.url, id, bundle: document }));
  const options = { dirs: [dir.path], args: [...args, `--state-dir=${state.path}`] };
  const versionOf = async (server: Meshtrust): Promise<unknown> =>
    (JSON.parse((await server.admin('/api/v1/meshes/default')).body) as MeshDetail).version;
  const before = await startMeshtrust(options);
  endpoint.serve(bundleDocument([first, second], { sequence: 2, refreshHint: 1 }));
  await untilServed(before, ['spire.test: One Two']);
  const version = await versionOf(before);
  await endpoint[Symbol.asyncDispose]();
  await before.stop();

  await using after = await startMeshtrust(options);
  assert.equal(await versionOf(after), version);
  await after.logged('the failure', ({ event, result }) => event === 'federation' && result === 'connect');
  const [relationship] = await relationshipsOf(after);
  assert.equal(relationship?.state, 'failing');
  assert.equal(relationship.source, 'restored');
  assert.equal(relationship.sequence, 2);
  assert.equal(relationship.anchors, 2);
  assert.equal(await versionOf(after), version);
});

test('restart beside a file that cannot be parsed: its relationships stay in force, and a correction removes them', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  const files = watchedDir(dir.path);
  const bundle = bundleDocument([makeCa({ commonName: 'One' })], { sequence: 1 });
  const text = federatedText({ trustDomain, url: 'https://127.0.0.1:1/', id, bundle });
  await files.put('peer.yaml', text);
  const pems = [makeCa({ commonName: 'Own' }).certPem];
  const own = meshTrustYaml({ name: 'own', trustDomain: 'own.test', pems });
  await files.put('trust.yaml', own);
  const options = { dirs: [dir.path], args: [...args, `--state-dir=${state.path}`, '--guard-hold=0s'] };
  const before = await startMeshtrust(options);
  await untilServed(before, ['own.test: Own', 'spire.test: One']);
  await before.stop();

  await files.put('peer.yaml', `${text}\nbroken: [\n`);
  await using after = await startMeshtrust(options);
  const { msg, file } = await after.logged('the finding', ({ code }) => code === 'MT040');
  assert.equal(file, 'federation:default/spire.test');
  assert.match(
    String(msg),
    /the ClusterFederatedTrustDomain of trust domain spire\.test may be in .*peer\.yaml/,
  );
  await untilServed(after, ['own.test: Own', 'spire.test: One']);
  await files.put('peer.yaml', own.replace('own.test', 'other.test').replace('name: own', 'name: other'));
  await untilServed(after, ['other.test: Own', 'own.test: Own']);
});

test('a dead endpoint at the first start: other trust is served after ten seconds', async () => {
  await using dir = await makeTempDir();
  const files = watchedDir(dir.path);
  await files.put('peer.yaml', federatedText({ trustDomain, url: 'https://127.0.0.1:1/' }));
  await files.put(
    'trust.yaml',
    meshTrustYaml({ name: 'own', trustDomain: 'own.test', pems: [makeCa({ commonName: 'Own' }).certPem] }),
  );
  await using server = await startMeshtrust({ dirs: [dir.path], args });
  await untilServed(server, ['own.test: Own']);
  const [relationship] = await relationshipsOf(server);
  assert.equal(relationship?.state, 'failing');
  await server.logged('the finding', ({ code }) => code === 'MT083');
  const { code, stdout } = await run(['check', `--server=http://127.0.0.1:${server.adminPort}`]);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /\[fail\] trust: no finding is an error[\s\S]*MT083 the bundle of trust domain spire\.test cannot be fetched \(connect\)/,
  );
});

test('a trust domain that is also listed: both are served, with a finding', async () => {
  await using dir = await makeTempDir();
  const files = watchedDir(dir.path);
  const [ca, listed] = [makeCa({ commonName: 'One' }), makeCa({ commonName: 'Listed' })];
  const bundle = bundleDocument([ca]);
  await files.put('peer.yaml', federatedText({ trustDomain, url: 'https://127.0.0.1:1/', id, bundle }));
  await files.put('trust.yaml', meshTrustYaml({ name: 'listed', trustDomain, pems: [listed.certPem] }));
  await using server = await startMeshtrust({ dirs: [dir.path], args });
  await untilServed(server, ['spire.test: Listed One']);
  await server.logged('the finding', ({ code }) => code === 'MT088');
});
