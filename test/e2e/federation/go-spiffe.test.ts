import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { fetchAsPeer, skipSpiffePeer, watchAsPeer } from '../../kit/spiffe-peer.ts';
import type { PeerTarget } from '../../kit/spiffe-peer.ts';
import { keepFile, startBundleStage } from './bundle-stage.ts';
import type { BundleStage } from './bundle-stage.ts';

const web = makeCa({ commonName: 'Web CA' });
const webLeaf = makeLeaf(web, { dnsNames: ['localhost'] });

async function webTarget(stage: BundleStage, path: string, trustDomain = path): Promise<PeerTarget> {
  const caFile = await keepFile(stage, 'web-ca.pem', web.certPem);
  return { trustDomain, url: `${stage.url}${path}`, authentication: { kind: 'https_web', caFile } };
}

async function refusalOf(target: PeerTarget): Promise<string> {
  const read = await fetchAsPeer(target);
  return typeof read === 'string' ? read : assert.fail('the bundle was read');
}

const base64 = ({ der }: Certificate): string => der.toString('base64');

suite('go-spiffe as a consumer', { skip: skipSpiffePeer }, () => {
  test('https_web: every kind of document is read, with the certificates that proxies receive', async () => {
    const root = makeCa({ commonName: 'Root' });
    const trust = {
      'rsa.test': [makeCa({ keyType: 'rsa-2048' })],
      'p256.test': [makeCa({ keyType: 'ec-p256' })],
      'p384.test': [makeCa({ keyType: 'ec-p384' })],
      'p521.test': [makeCa({ keyType: 'ec-p521' })],
      'ed25519.test': [makeCa({ keyType: 'ed25519' })],
      'several.test': [makeCa({ keyType: 'rsa-2048' }), makeCa({ keyType: 'ec-p384' }), makeCa()],
      'chain.test': [root, makeIntermediate(root)],
      'rerooted.test': [makeIntermediate(root, { keyType: 'rsa-2048' })],
      'expired.test': [makeCa({ notAfter: new Date(Date.now() - 60_000) }), makeCa()],
    };
    await using stage = await startBundleStage({ profile: 'web', leaf: webLeaf, trust });
    const port = new URL(stage.url).port;
    for (const [trustDomain, listed] of Object.entries(trust)) {
      const read = await fetchAsPeer(await webTarget(stage, trustDomain));
      if (typeof read === 'string') assert.fail(`${trustDomain}: ${read}`);
      const { body } = await fetchBundle(`127.0.0.1:${port}`, `/${trustDomain}`, { ca: web.certPem });
      const { keys, spiffe_sequence: sequence } = JSON.parse(body) as {
        readonly keys: readonly { readonly x5c: readonly string[] }[];
        readonly spiffe_sequence: number;
      };
      assert.deepEqual(read.authorities.toSorted(), keys.flatMap(({ x5c }) => x5c).toSorted(), trustDomain);
      assert.deepEqual([read.sequence, read.refreshSeconds], [sequence, 300]);
      if (trustDomain === 'rerooted.test') {
        assert.notDeepEqual(read.authorities, listed.map(base64), 'it is in its self-issued form');
        assert.equal(read.authorities.length, 1);
      } else assert.deepEqual(read.authorities.toSorted(), listed.map(base64).toSorted(), trustDomain);
    }
  });

  test('responses without a bundle: are errors, and never an empty bundle', async () => {
    const trust = { 'a.test': [makeCa()] };
    await using stage = await startBundleStage({ profile: 'web', leaf: webLeaf, trust });
    for (const path of ['never.test', 'bundles/default/never.test', 'bundles/other/a.test', 'a.test/']) {
      const read = await fetchAsPeer(await webTarget(stage, path, 'never.test'));
      assert.equal(typeof read, 'string', path);
    }
  });

  test('https_web, removal of all CA certificates: is an empty bundle', async () => {
    await using stage = await startBundleStage({
      profile: 'web',
      leaf: webLeaf,
      trust: { 'a.test': [makeCa()], 'b.test': [makeCa()] },
      // Workers serve proxies, and the main process publishes.
      args: ['--workers=2'],
    });
    const target = await webTarget(stage, 'bundles/default/a.test', 'a.test');
    await using watch = await watchAsPeer(target);
    const before = await watch.next(1);
    await stage.list('a.test', []);
    const after = await watch.next(0);
    assert.ok(Number(after.sequence) > Number(before.sequence));
    assert.deepEqual(watch.errors(), []);
  });

  test('https_spiffe, removal of all CA certificates: is an empty bundle, after which the endpoint is not verifiable', async () => {
    const [ca, other] = [makeCa({ commonName: 'one' }), makeCa({ commonName: 'other' })];
    const endpointId = 'spiffe://a.test/meshtrust';
    await using stage = await startBundleStage({
      profile: 'spiffe',
      leaf: makeLeaf(ca, { spiffeId: endpointId }),
      trust: { 'a.test': [ca], 'b.test': [other] },
    });
    const bundleFile = await keepFile(stage, 'first.json', JSON.stringify(bundleDocument([ca])));
    const target: PeerTarget = {
      trustDomain: 'a.test',
      url: `${stage.url}a.test`,
      authentication: { kind: 'https_spiffe', endpointId, bundleFile },
    };
    await using watch = await watchAsPeer(target);
    const before = await watch.next(1);
    assert.deepEqual(watch.errors(), []);
    await stage.list('a.test', []);
    const after = await watch.next(0);
    assert.ok(Number(after.sequence) > Number(before.sequence));
    // The consumer has no CA left by which it could fetch again, as MT080 and MT081 say.
    const [error = ''] = await poll('the refusal of go-spiffe', () => {
      const errors = watch.errors();
      return errors.length > 0 ? errors : undefined;
    });
    assert.match(error, /certificate/);
    for (const code of ['MT080', 'MT081'])
      await stage.server.logged('the finding', (line) => line['code'] === code);
    // A consumer that has the first bundle reads the empty one.
    assert.deepEqual(await fetchAsPeer(target), after);
  });

  test('https_spiffe: a rotation in the documented order locks no consumer out', async () => {
    const [old, next] = [makeCa({ commonName: 'old' }), makeCa({ commonName: 'next' })];
    const endpointId = 'spiffe://a.test/meshtrust';
    const leafOf = (ca: Certificate): Certificate => makeLeaf(ca, { spiffeId: endpointId });
    await using stage = await startBundleStage({
      profile: 'spiffe',
      leaf: leafOf(old),
      trust: { 'a.test': [old] },
    });
    const first = {
      keys: [{ ...old.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [base64(old)] }],
    };
    const bundleFile = await keepFile(stage, 'first.json', JSON.stringify(first));
    const target: PeerTarget = {
      trustDomain: 'a.test',
      url: `${stage.url}a.test`,
      authentication: { kind: 'https_spiffe', endpointId, bundleFile },
    };
    await using watch = await watchAsPeer(target);
    assert.deepEqual((await watch.next(1)).authorities, [base64(old)]);
    await stage.list('a.test', [old, next]);
    await watch.next(2);
    await stage.renew(leafOf(next));
    await stage.list('a.test', [next]);
    assert.deepEqual((await watch.next(1)).authorities, [base64(next)]);
    assert.deepEqual(watch.errors(), []);
    // A consumer that has only the old CA, and one that expects another SPIFFE ID.
    assert.match(await refusalOf(target), /certificate/);
    const nextFile = await keepFile(
      stage,
      'next.json',
      JSON.stringify({
        keys: [{ ...next.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [base64(next)] }],
      }),
    );
    const wrongId = {
      kind: 'https_spiffe',
      endpointId: 'spiffe://a.test/other',
      bundleFile: nextFile,
    } as const;
    assert.match(await refusalOf({ ...target, authentication: wrongId }), /unexpected ID/);
  });

  test('restart: a consumer sees the same sequence, and a higher one after a change', async () => {
    const [one, two] = [makeCa(), makeCa()];
    await using stage = await startBundleStage({ profile: 'web', leaf: webLeaf, trust: { 'a.test': [one] } });
    const target = await webTarget(stage, 'a.test');
    await using watch = await watchAsPeer(target);
    const before = await watch.next(1);
    await stage.restart();
    assert.deepEqual(await fetchAsPeer(target), before);
    await stage.list('a.test', [one, two]);
    assert.ok(Number((await watch.next(2)).sequence) > Number(before.sequence));
  });
});
