import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { bundleDocument, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { bundled, identityText, inline } from '../../kit/mesh-identities.ts';
import type { LogLine } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import type { Asked } from '../../inputs/kubernetes/fake-api-server.ts';
import { startBundleStage } from './bundle-stage.ts';
import type { BundleStage } from './bundle-stage.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

const web = makeCa({ commonName: 'Web CA' });
const [listed, own, foreign] = ['listed', 'own', 'foreign'].map((commonName) => makeCa({ commonName }));
assert.ok(listed !== undefined && own !== undefined && foreign !== undefined);
const foreignPrint = createHash('sha256').update(foreign.der).digest('hex');
const domains = ['a.test', 'b.test'] as const;

const start = (): Promise<BundleStage> =>
  startBundleStage({
    profile: 'web',
    leaf: makeLeaf(web, { dnsNames: ['localhost'] }),
    trust: { 'z.test': [listed] },
    args: ['--identities', '--federation'],
  });

/** Writes one file with a MeshIdentity for each trust domain. */
const putIdentities = ({ put }: BundleStage): Promise<void> =>
  put(
    'identities.yaml',
    domains
      .map((trustDomain) =>
        identityText({
          name: trustDomain.replace('.', '-'),
          spec: bundled(inline(own.certPem), { trustDomain }),
        }),
      )
      .join('\n---\n'),
  );

/** Writes one file with a relationship for each trust domain, whose endpoint does not exist. */
const putPeers = ({ put }: BundleStage): Promise<void> =>
  put(
    'peers.yaml',
    domains
      .map((trustDomain) =>
        federatedText({
          name: `peer-${trustDomain.replace('.', '-')}`,
          trustDomain,
          url: 'https://127.0.0.1:1/',
          id: `spiffe://${trustDomain}/server`,
          bundle: bundleDocument([foreign]),
        }),
      )
      .join('---\n'),
  );

const untilIgnored = async ({ server }: BundleStage): Promise<void> => {
  for (const trustDomain of domains)
    await server.logged(
      `the finding about ${trustDomain}`,
      (line) => line['code'] === 'MT087' && line['trustDomain'] === trustDomain,
    );
};

/** Returns the subjects of the CA certificates in force, by trust domain. */
const served = async ({ server }: BundleStage): Promise<Readonly<Record<string, readonly string[]>>> => {
  const { trustDomains } = JSON.parse((await server.admin('/api/v1/meshes/default')).body) as {
    readonly trustDomains: readonly {
      readonly name: string;
      readonly anchors: readonly { readonly subject: string }[];
    }[];
  };
  return Object.fromEntries(
    trustDomains.map(({ name, anchors }) => [name, anchors.map(({ subject }) => subject)]),
  );
};

const withForeign = ({ server }: BundleStage): readonly LogLine[] =>
  server.logs().filter((line) => JSON.stringify(line).includes(foreignPrint.slice(0, 16)));

const onlyOwn = { 'a.test': ['CN=own'], 'b.test': ['CN=own'], 'z.test': ['CN=listed'] };

test('trust domains of MeshIdentities: a peer gives no CA certificate to them, also at a start', async () => {
  await using stage = await start();
  await putIdentities(stage);
  await poll('the identities to be served', async () =>
    (await served(stage))['b.test'] === undefined ? undefined : true,
  );
  await putPeers(stage);
  await untilIgnored(stage);
  assert.deepEqual(await served(stage), onlyOwn);
  assert.deepEqual(withForeign(stage), []);
  for (const isFirst of [false, true]) {
    await stage.server.stop();
    if (isFirst) await rm(stage.join('state'), { recursive: true });
    await stage.restart();
    await untilIgnored(stage);
    assert.deepEqual(await served(stage), onlyOwn);
    assert.deepEqual(withForeign(stage), []);
  }
});

test('trust domains of peers that MeshIdentities take: the bundles of the peers end in the same step', async () => {
  await using stage = await start();
  await putPeers(stage);
  await poll('the bundles of the peers', async () =>
    (await served(stage))['b.test']?.includes('CN=foreign') === true ? true : undefined,
  );
  await putIdentities(stage);
  await untilIgnored(stage);
  assert.deepEqual(await served(stage), onlyOwn);
  const changes = stage.server.logs().filter(({ audit, trustDomain }) => audit && trustDomain === 'a.test');
  assert.deepEqual(
    changes.map(({ event, added, removed }) => [event, hasForeign(added), hasForeign(removed)]),
    [
      ['trust-changed', true, false],
      ['trust-changed', false, true],
    ],
  );
  assert.deepEqual(
    stage.server.logs().filter(({ event, code }) => event === 'guard-held' || code === 'MT042'),
    [],
  );
  await stage.restart();
  await untilIgnored(stage);
  assert.deepEqual(await served(stage), onlyOwn);
  assert.deepEqual(withForeign(stage), []);
});

test('trust domain of a MeshIdentity whose CA certificate is absent: is its own until it is deleted', async () => {
  await using stage = await start();
  await putPeers(stage);
  const untilServed = (expected: Awaited<ReturnType<typeof served>>): Promise<true> =>
    poll('the CA certificates', async () =>
      isDeepStrictEqual(await served(stage), expected) ? true : undefined,
    );
  const all = { 'a.test': ['CN=foreign'], 'b.test': ['CN=foreign'], 'z.test': ['CN=listed'] };
  await untilServed(all);
  const absent = { type: 'Secret', secretRef: { kind: 'Secret', name: 'absent' } };
  await stage.put(
    'identity.yaml',
    identityText({ spec: bundled(absent, { trustDomain: 'a.test', privateKey: absent }) }),
  );
  await untilServed({ 'b.test': ['CN=foreign'], 'z.test': ['CN=listed'] });
  await rm(stage.join('trust/identity.yaml'));
  await untilServed(all);
});

test('MeshIdentities of the cluster cannot be read at the start: a new peer waits for them', async (t) => {
  const api = await startFakeApiServer(t);
  let mayRead = false;
  const answer = ({ kind, path, list, refuse, open }: Asked): void => {
    if (path.endsWith('/meshidentities') && !mayRead) refuse(403);
    else if (kind === 'watch') open();
    else list([], '1');
  };
  const ending = new AbortController();
  const serving = (async () => {
    while (!ending.signal.aborted) {
      // No request for a while is no failure here.
      const asked = await api.asked().catch(() => undefined);
      if (asked !== undefined) answer(asked);
    }
  })();
  await using _serving = {
    async [Symbol.asyncDispose]() {
      ending.abort();
      // One more request ends the loop.
      await fetch(api.url).catch(() => undefined);
      await serving;
    },
  };
  await using dir = await makeTempDir();
  await writeFile(dir.join('kubeconfig'), insecureKubeconfig(api.url, { token: 'token' }));
  await using stage = await startBundleStage({
    profile: 'web',
    leaf: makeLeaf(web, { dnsNames: ['localhost'] }),
    trust: { 'z.test': [listed] },
    args: [
      '--identities',
      '--federation',
      '--kubernetes',
      '--no-kube-status',
      `--kubeconfig=${dir.join('kubeconfig')}`,
    ],
  });
  await putPeers(stage);
  await stage.server.logged(
    'the wait',
    ({ code, msg }) => code === 'MT087' && String(msg).includes('the resource waits for them'),
  );
  assert.deepEqual(await served(stage), { 'z.test': ['CN=listed'] });
  mayRead = true;
  await poll(
    'the bundles of the peers',
    async () => ((await served(stage))['b.test']?.includes('CN=foreign') === true ? true : undefined),
    { timeoutMs: 60_000 },
  );
});

function hasForeign(certificates: unknown): boolean {
  return JSON.stringify(certificates ?? []).includes(foreignPrint);
}
