import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { bundleDocument, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { identityOf, startGlobalApi, trustOf } from '../../kit/global-api.ts';
import type { GlobalApi, GlobalResource } from '../../kit/global-api.ts';
import { poll } from '../../kit/poll.ts';
import { startBundleStage } from './bundle-stage.ts';
import type { BundleStage } from './bundle-stage.ts';

const web = makeCa({ commonName: 'Web CA' });
const leaf = makeLeaf(web, { dnsNames: ['localhost'] });
const [local, zone, foreign] = [
  makeCa({ commonName: 'local' }),
  makeCa({ commonName: 'zone' }),
  makeCa({ commonName: 'foreign' }),
];
const foreignPrint = createHash('sha256').update(foreign.der).digest('hex').slice(0, 16);

/** A trust domain that only a zone has, which a peer claims as well. */
const shared = 'zone-2.test';
const globalHas: readonly GlobalResource[] = [
  identityOf('{{ .Zone }}.test'),
  trustOf('zone-2', shared, zone.certPem),
];
const globalIsDown = { status: 503, body: '{}' } as const;

/** A server with an import and a relationship, whose peer claims the trust domain of zone 2. */
interface Side {
  readonly global: GlobalApi;
  readonly stage: BundleStage;
}

const importArgs = (global: GlobalApi): readonly string[] => ['--zone=zone-1', `--import-url=${global.url}`];

const putPeer = ({ stage }: Pick<Side, 'stage'>, name = 'peer', trustDomain = shared): Promise<void> =>
  stage.put(
    `${name}.yaml`,
    federatedText({
      name,
      trustDomain,
      url: 'https://127.0.0.1:1/',
      id: `spiffe://${trustDomain}/server`,
      bundle: bundleDocument([foreign]),
    }),
  );

/** Returns the subjects of the CA certificates in force, by trust domain. */
const served = async ({
  stage,
}: Pick<Side, 'stage'>): Promise<Readonly<Record<string, readonly string[]>>> => {
  const { trustDomains } = JSON.parse((await stage.server.admin('/api/v1/meshes/default')).body) as {
    readonly trustDomains: readonly {
      readonly name: string;
      readonly anchors: readonly { readonly subject: string }[];
    }[];
  };
  return Object.fromEntries(
    trustDomains
      .filter(({ anchors }) => anchors.length > 0)
      .map(({ name, anchors }) => [name, anchors.map(({ subject }) => subject)]),
  );
};

const untilServed = (
  side: Pick<Side, 'stage'>,
  expected: Readonly<Record<string, readonly string[]>>,
): Promise<true> =>
  poll(`the CA certificates ${JSON.stringify(expected)}`, async () =>
    isDeepStrictEqual(await served(side), expected) ? true : undefined,
  );

const untilFinding = ({ stage }: Pick<Side, 'stage'>, severity: 'error' | 'warning'): Promise<unknown> =>
  stage.server.logged(
    `MT087 as ${severity}`,
    ({ code, msg, ...line }) =>
      code === 'MT087' &&
      line['trustDomain'] === shared &&
      (severity === 'error') ===
        /publishes trust domain .* itself; the resource is ignored/.test(String(msg)),
  );

/** Fails if a CA certificate of the peer was in force since the start of the server. */
const assertNeverForeign = ({ stage }: Pick<Side, 'stage'>): void =>
  assert.deepEqual(
    stage.server
      .logs()
      .filter((line) => line['audit'] === true && JSON.stringify(line).includes(foreignPrint)),
    [],
  );

/** Returns the trust domains of the bundle map that a consumer of the mesh gets. */
const published = async ({ stage }: Pick<Side, 'stage'>): Promise<readonly string[]> => {
  const at = `127.0.0.1:${new URL(stage.url).port}`;
  const { body } = await fetchBundle(at, '/bundles/default', { ca: web.certPem });
  return Object.keys((JSON.parse(body) as { readonly trust_domains: object }).trust_domains);
};

const start = (args: readonly string[]): Promise<BundleStage> =>
  startBundleStage({ profile: 'web', leaf, trust: { 'a.test': [local] }, args: ['--federation', ...args] });

const ofZone = { 'a.test': ['CN=local'], [shared]: ['CN=zone'] };
const ofPeer = { 'a.test': ['CN=local'], [shared]: ['CN=foreign'] };
const ofNeither = { 'a.test': ['CN=local'] };

suite('a trust domain of an import that a peer claims', { concurrency: 2 }, () => {
  test('the import is read first: the CA of the zone, and none of the peer', async () => {
    await using global = await startGlobalApi();
    global.resources = globalHas;
    await using stage = await start(importArgs(global));
    await untilServed({ stage }, ofZone);
    await putPeer({ stage });
    await untilFinding({ stage }, 'error');
    assert.deepEqual(await served({ stage }), ofZone);
    assertNeverForeign({ stage });
    assert.deepEqual(await published({ stage }), ['a.test']);
  });

  test('the peer is known first, and the import later: none of the peer, before and after', async () => {
    await using global = await startGlobalApi();
    global.answer = () => globalIsDown;
    await using stage = await start(importArgs(global));
    await putPeer({ stage });
    await untilFinding({ stage }, 'warning');
    assert.deepEqual(await served({ stage }), ofNeither);
    assert.deepEqual(await published({ stage }), ['a.test']);
    global.resources = globalHas;
    global.answer = () => undefined;
    await untilServed({ stage }, ofZone);
    await untilFinding({ stage }, 'error');
    assertNeverForeign({ stage });
    assert.deepEqual(await published({ stage }), ['a.test']);
  });

  test('only the MeshIdentities of the Global control plane are unreadable: as without an import', async () => {
    await using global = await startGlobalApi();
    global.resources = globalHas;
    global.answer = (path) => (path === '/meshidentities' ? globalIsDown : undefined);
    await using stage = await start(importArgs(global));
    await putPeer({ stage });
    await untilFinding({ stage }, 'warning');
    assert.deepEqual(await served({ stage }), ofNeither);
    assertNeverForeign({ stage });
  });

  test('the import was read and has nothing of it: the CA of the peer', async () => {
    await using global = await startGlobalApi();
    await using stage = await start(importArgs(global));
    await putPeer({ stage });
    await untilServed({ stage }, ofPeer);
    assert.deepEqual(await published({ stage }), ['a.test']);
  });

  test('a zone lists it that may not vouch for it: the CA of the peer stays', async () => {
    await using global = await startGlobalApi();
    global.resources = [
      identityOf('{{ .Zone }}.test'),
      { ...trustOf('zone-3', shared, zone.certPem), name: 'claim' },
    ];
    await using stage = await start(importArgs(global));
    await stage.server.logged('the refusal', ({ code }) => code === 'MT090');
    await putPeer({ stage });
    await untilServed({ stage }, ofPeer);
  });

  test('kept of the import, and the Global control plane is down: the CA of the zone', async () => {
    await using global = await startGlobalApi();
    global.resources = globalHas;
    await using stage = await start(importArgs(global));
    await untilServed({ stage }, ofZone);
    await putPeer({ stage });
    await untilFinding({ stage }, 'error');
    global.answer = () => globalIsDown;
    await stage.restart();
    await stage.server.logged('the failure', ({ code }) => code === 'MT091');
    await untilFinding({ stage }, 'error');
    await putPeer({ stage }, 'new', 'new.test');
    await stage.server.logged(
      'the wait',
      ({ code, ...line }) => code === 'MT087' && line['trustDomain'] === 'new.test',
    );
    assert.deepEqual(await served({ stage }), ofZone);
    assertNeverForeign({ stage });
  });

  test('kept of the peer, then a start with an import that is down: the peer stays until the import is read', async () => {
    await using global = await startGlobalApi();
    global.resources = globalHas;
    global.answer = () => globalIsDown;
    await using stage = await start([]);
    await putPeer({ stage });
    await untilServed({ stage }, ofPeer);
    await stage.restart(importArgs(global));
    await stage.server.logged('the failure', ({ code }) => code === 'MT091');
    assert.deepEqual(await served({ stage }), ofPeer);
    global.answer = () => undefined;
    await untilServed({ stage }, ofZone);
    await untilFinding({ stage }, 'error');
    assert.deepEqual(
      stage.server.logs().filter(({ event, code }) => event === 'guard-held' || code === 'MT042'),
      [],
    );
  });

  test('a mesh of which only named trust domains are published: does not wait for the import', async () => {
    await using global = await startGlobalApi();
    global.answer = () => globalIsDown;
    await using stage = await startBundleStage({
      profile: 'web',
      leaf,
      trust: { 'a.test': [local] },
      serve: 'default/a.test',
      args: ['--federation', ...importArgs(global)],
    });
    await putPeer({ stage });
    await untilServed({ stage }, ofPeer);
  });
});
