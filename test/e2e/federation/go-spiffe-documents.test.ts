import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { createBundleServer } from '../../../src/bundle-endpoint/bundle-server.ts';
import type { Publication } from '../../../src/bundle-endpoint/core/answer-request.ts';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import { readTlsMaterial } from '../../../src/net/tls-material.ts';
import { writeBundleDocument } from '../../../src/trust/federation/write-bundle-document.ts';
import type { SpiffeHints } from '../../../src/trust/federation/write-bundle-document.ts';
import { makeServed } from '../../bundle-endpoint/core/served-trust.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { fetchAsPeer, skipSpiffePeer } from '../../kit/spiffe-peer.ts';
import type { PeerAuthentication, PeerBundle } from '../../kit/spiffe-peer.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const trustDomain = 'a.test';
const endpointId = `spiffe://${trustDomain}/meshtrust`;
const host = makeCa({ commonName: 'Host' });
const profiles = {
  https_web: makeLeaf(host, { dnsNames: ['localhost'] }),
  https_spiffe: makeLeaf(host, { spiffeId: endpointId }),
};

const root = makeCa({ commonName: 'Root' });
const kinds = {
  'RSA 2048': makeCa({ keyType: 'rsa-2048' }),
  'P-256': makeCa({ keyType: 'ec-p256' }),
  'P-384': makeCa({ keyType: 'ec-p384' }),
  'P-521': makeCa({ keyType: 'ec-p521' }),
  Ed25519: makeCa({ keyType: 'ed25519' }),
};
const all = Object.values(kinds);
const withoutJwk = 'P-224';
const p224 = makeCa({
  commonName: withoutJwk,
  key: generateKeyPairSync('ec', { namedCurve: 'secp224r1' }),
});
const expired = makeCa({ notAfter: new Date(Date.now() - 60_000) });

/** A sequence of today, and the largest integer that JavaScript has exactly. */
const [usual, largest] = [1_795_000_000_000, Number.MAX_SAFE_INTEGER];

/** A document, and how a consumer must read it. */
interface Document {
  readonly body: Uint8Array;
  readonly expected: PeerBundle;
}

const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64');

/** Publishes certificates as the endpoint does, at a time that becomes the sequence. */
function published(certificates: readonly Certificate[], sequence = usual, refreshSeconds = 300): Document {
  const bundles = createPublishedBundles({ rules: [{ mesh: 'default', trustDomain: '*' }], refreshSeconds });
  const { of } = makeServed();
  // Without a key, only a bundle that had one before is published.
  if (certificates.length === 0) bundles.update(of(shareOf(trustDomain, [root])), sequence - 1);
  const served = certificates.length === 0 ? of() : of(shareOf(trustDomain, certificates));
  bundles.update(served, sequence);
  const { body } = bundles.get('default', trustDomain) ?? assert.fail('nothing is published');
  const anchors = served.meshes.get('default')?.bundle.bundles[0]?.anchors ?? [];
  const sent = anchors.filter(({ certificate }) => !certificate.subject.includes(withoutJwk));
  return { body, expected: { authorities: sent.map(({ der }) => base64(der)), sequence, refreshSeconds } };
}

/** Writes certificates as `meshtrust bundle --format spiffe` and the admin API do, which may leave hints out. */
function written(certificates: readonly Certificate[], hints: SpiffeHints): Document {
  const ders = certificates.map(({ der }) => der);
  return {
    body: Buffer.from(JSON.stringify(writeBundleDocument(ders, hints), null, 2)),
    expected: { authorities: ders.map(base64), ...definedOf(hints) },
  };
}

const definedOf = ({ sequence, refreshSeconds }: SpiffeHints): Omit<PeerBundle, 'authorities'> => ({
  ...(sequence !== undefined && { sequence }),
  ...(refreshSeconds !== undefined && { refreshSeconds }),
});

const documents: Readonly<Record<string, Document>> = {
  ...Object.fromEntries(Object.entries(kinds).map(([name, ca]) => [`a key of ${name}`, published([ca])])),
  'a key of each kind': published(all),
  'a hundred keys': published(Array.from({ length: 100 }, (_, index) => makeCa({ commonName: `${index}` }))),
  'a root and its intermediate': published([root, makeIntermediate(root)]),
  'an intermediate without its root': published([makeIntermediate(root, { keyType: 'rsa-2048' })]),
  'an expired CA beside another': published([expired, root]),
  'a CA without a JWK beside another': published([p224, root]),
  'sequence 0': published([root], 0),
  'sequence 1 and the shortest hint': published([root], 1, 60),
  'the largest sequence and the longest hint': published([root], largest, 86_400),
  'no key': published([]),
  'no key, sequence 1 and the shortest hint': published([], 1, 60),
  'no key, the largest sequence and the longest hint': published([], largest, 86_400),
  ...Object.fromEntries(
    Object.entries({ 'no key': [], 'one key': [root], 'several keys': all }).flatMap(([what, certificates]) =>
      [undefined, 0, usual, largest].flatMap((sequence) =>
        [undefined, 0, 300].map((refreshSeconds) => [
          `file: ${what}, sequence ${sequence ?? 'absent'}, hint ${refreshSeconds ?? 'absent'}`,
          written(certificates, { sequence, refreshSeconds }),
        ]),
      ),
    ),
  ),
};

/** Starts the endpoint with a path for each document, and fetches from it with go-spiffe. */
async function startEndpoint(
  profile: keyof typeof profiles,
  { isOpen = true, perSecond = 10_000 }: { readonly isOpen?: boolean; readonly perSecond?: number } = {},
) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  await writeFile(dir.join('web-ca.pem'), host.certPem);
  await writeFile(dir.join('first.json'), JSON.stringify(bundleDocument([host])));
  const bundles = createPublishedBundles({
    rules: [{ mesh: 'default', trustDomain: '*' }],
    refreshSeconds: 300,
  });
  bundles.update(makeServed().of(shareOf(trustDomain, [root])), usual);
  const example = bundles.get('default', trustDomain) ?? assert.fail();
  const publication: Publication = {
    isOpen,
    defaultMesh: 'default',
    get(_mesh, name) {
      const document = documents[name];
      return document === undefined ? undefined : { ...example, body: document.body };
    },
    mapOf: (mesh) => bundles.mapOf(mesh),
    awaitsImport: () => false,
    awaitsRead: () => false,
  };
  const { certPem, keyPem } = profiles[profile];
  const files = { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined };
  const read = readTlsMaterial(files);
  const server = createBundleServer({
    tls: read.kind === 'material' ? read.material : assert.fail(read.reason),
    publication,
    perSecond,
    onAnswered: () => undefined,
    acceptFailed: assert.fail,
  });
  stack.defer(() => server.close());
  const { port } = new URL(`https://${await server.listen('127.0.0.1:0')}`);
  const authentication: PeerAuthentication =
    profile === 'https_web'
      ? { kind: profile, caFile: dir.join('web-ca.pem') }
      : { kind: profile, endpointId, bundleFile: dir.join('first.json') };
  const owned = stack.move();
  return {
    fetch: (path: string) =>
      fetchAsPeer({ trustDomain, url: `https://localhost:${port}/${path}`, authentication }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The errors of go-spiffe about the response, and not about the connection. */
const notBundle = /unable to parse JWKS|no authorities found/;

async function refusalOf(fetched: ReturnType<typeof fetchAsPeer>): Promise<string> {
  const read = await fetched;
  return typeof read === 'string' ? read : `a bundle of ${read.authorities.length}`;
}

suite('go-spiffe and every document that can be published', { skip: skipSpiffePeer }, () => {
  for (const profile of ['https_web', 'https_spiffe'] as const) {
    test(`${profile}: has the certificates, the sequence and the hint of each`, async () => {
      await using endpoint = await startEndpoint(profile);
      for (const [name, { expected }] of Object.entries(documents)) {
        const bundle = await endpoint.fetch(encodeURIComponent(name));
        if (typeof bundle === 'string') assert.fail(`${name}: ${bundle}`);
        const sorted = (one: PeerBundle) => ({ ...one, authorities: one.authorities.toSorted() });
        assert.deepEqual(sorted(bundle), sorted(expected), name);
      }
    });

    test(`${profile}: takes no other response for a bundle`, async () => {
      await using open = await startEndpoint(profile);
      const known = encodeURIComponent('no key');
      for (const path of [
        'never',
        'bundles/default/never',
        'bundles/default',
        'bundles/other',
        '',
        `${known}/`,
      ])
        assert.match(await refusalOf(open.fetch(path)), notBundle, path);
      await using closed = await startEndpoint(profile, { isOpen: false });
      assert.match(await refusalOf(closed.fetch(known)), notBundle, 'before the first complete read');
      await using busy = await startEndpoint(profile, { perSecond: 0.001 });
      assert.match(await refusalOf(busy.fetch(known)), notBundle, 'beyond the rate');
    });
  }
});
