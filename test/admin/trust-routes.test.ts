import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createHttpEdge } from '../../src/admin/http-edge.ts';
import { trustRoutes } from '../../src/admin/trust-routes.ts';
import type { TrustInput } from '../../src/admin/trust-routes.ts';
import type { CertificateDetail, CertificateList } from '../../src/api/certificate-api-types.ts';
import type { ChangeList } from '../../src/api/change-api-types.ts';
import { createChangeLog } from '../../src/fleet/change-log.ts';
import type { SpiffeBundle } from '../../src/trust/federation/write-bundle-document.ts';
import type { RelationshipStatus } from '../../src/trust/federation/relationship-status.ts';
import type { SourceStatus } from '../../src/trust/ledger/source-status.ts';
import { makeCa, makeIntermediate } from '../kit/certificates.ts';
import { content, gone, holdMs, makeRig, synced } from '../observe/rig.ts';
import { ask } from './http-client.ts';

const day = 86_400_000;
const now = Date.now();
const soon = makeCa({ commonName: 'Soon', notAfter: new Date(now + 5 * day) });
const later = makeCa({ commonName: 'Later Root', notAfter: new Date(now + 500 * day) });
const fingerprintOf = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

/** A source that was read completely, beside the files. */
const readSource: SourceStatus = {
  name: 'kubernetes',
  synced: true,
  restored: false,
  accepted: 1,
  rejected: 0,
  unreadable: 0,
  otherKinds: new Map(),
  meshes: new Map(),
};

/** A server without any trust, to which a test delivers some. `sources`: further sources, as they are at a request. */
async function serve({
  sources = () => [],
  ...input
}: { readonly sources?: () => readonly SourceStatus[] } & Pick<TrustInput, 'federation'> = {}) {
  const rig = makeRig(() => undefined);
  const edge = createHttpEdge({
    routes: trustRoutes({
      view: () => {
        const { readiness, ledger, meshes, findings } = rig.pipeline.view();
        return {
          readiness,
          ledger: { ...ledger, sources: [...ledger.sources, ...sources()] },
          meshes,
          findings,
        };
      },
      ...input,
    }),
    onError: (error) => {
      throw error;
    },
  });
  const address = await edge.listen('127.0.0.1:0');
  return {
    rig,
    ask: (path: string) => ask(address, path),
    [Symbol.asyncDispose]: () => edge.close(),
  };
}

suite('routes for certificates and changes', () => {
  const changes = createChangeLog(() => now);
  const rig = makeRig((event) => changes.state(event));
  const edge = createHttpEdge({
    routes: trustRoutes({ view: () => rig.pipeline.view(), changes }),
    onError: (error) => {
      throw error;
    },
  });
  let address = '';
  before(async () => {
    address = await edge.listen('127.0.0.1:0');
    rig.deliver(
      content({ trustDomain: 'a.test', pems: [later.certPem, soon.certPem] }),
      content({ trustDomain: 'b.test', pems: [later.certPem] }),
      synced,
    );
  });
  after(() => edge.close());
  const get = async (path: string) => {
    const { status, headers, body } = await ask(address, path);
    return { status, headers, body, json: () => JSON.parse(body) as unknown };
  };

  test('certificates: each once with its places, the earliest expiry first', async () => {
    const { certificates, total } = (await get('/api/v1/certificates')).json() as CertificateList;
    assert.deepEqual(
      certificates.map(({ subject, places }) => [subject, places.map(({ trustDomain }) => trustDomain)]),
      [
        ['CN=Soon', ['a.test']],
        ['CN=Later Root', ['a.test', 'b.test']],
      ],
    );
    assert.equal(total, 2);
  });

  const searches: readonly (readonly [search: string, found: readonly string[]])[] = [
    ['later r', ['CN=Later Root']],
    ['B.TEST', ['CN=Later Root']],
    ['default//a-test', ['CN=Soon', 'CN=Later Root']],
    [fingerprintOf(soon.certPem).slice(0, 16), ['CN=Soon']],
    ['nothing like it', []],
  ];
  for (const [search, found] of searches) {
    test(`search ${search}: ${found.join(', ') || 'nothing'}`, async () => {
      const list = (await get(`/api/v1/certificates?search=${encodeURIComponent(search)}`)).json();
      assert.deepEqual(
        (list as CertificateList).certificates.map(({ subject }) => subject),
        found,
      );
    });
  }

  test('search for one trust domain: the certificates that it has are listed with all of their places', async () => {
    const list = (await get('/api/v1/certificates?search=b.test')).json() as CertificateList;
    assert.deepEqual(
      list.certificates.map(({ places }) => places.map(({ trustDomain }) => trustDomain)),
      [['a.test', 'b.test']],
    );
  });

  test('limit: cuts the list and keeps the total; a bad one is refused', async () => {
    const { certificates, total } = (await get('/api/v1/certificates?limit=1')).json() as CertificateList;
    assert.deepEqual([certificates.length, total], [1, 2]);
    for (const path of ['certificates?limit=0', 'changes?limit=x'])
      assert.equal((await get(`/api/v1/${path}`)).status, 400);
  });

  test('one certificate: its details, and a PEM file of it', async () => {
    const fingerprint = fingerprintOf(soon.certPem);
    const detail = (await get(`/api/v1/certificates/${fingerprint}`)).json() as CertificateDetail;
    assert.deepEqual([detail.issuer, detail.pem], ['CN=Soon', soon.certPem]);
    const file = await get(`/api/v1/certificates/${fingerprint}/pem`);
    assert.equal(file.body, soon.certPem);
    assert.equal(
      file.headers['content-disposition'],
      `attachment; filename="${fingerprint.slice(0, 16)}.pem"`,
    );
  });

  test('unknown certificate: 404 with its code', async () => {
    for (const path of ['/api/v1/certificates/00', '/api/v1/certificates/00/pem']) {
      const { status, body } = await get(path);
      assert.equal(status, 404);
      assert.match(body, /"unknown-certificate"/);
    }
  });

  test('bundle of a trust domain: as PEM, and as a SPIFFE bundle', async () => {
    const base = '/api/v1/meshes/default/trust-domains/b.test';
    assert.equal((await get(`${base}/pem`)).body, later.certPem);
    const { keys } = (await get(`${base}/spiffe`)).json() as SpiffeBundle;
    assert.deepEqual(
      keys.map(({ use, x5c }) => [use, x5c[0]]),
      [['x509-svid', new X509Certificate(later.certPem).raw.toString('base64')]],
    );
    for (const path of [`${base}/other`, '/api/v1/meshes/default/trust-domains/c.test/pem'])
      assert.equal((await get(path)).status, 404);
    assert.equal((await get('/api/v1/meshes/nowhere/trust-domains/b.test/pem')).status, 404);
  });

  test('trust domain whose CAs are all distrusted: no PEM file, and an empty SPIFFE bundle', async () => {
    const distrusted = makeCa({ commonName: 'Distrusted' });
    await using server = await serve();
    server.rig.deliver(content({ trustDomain: 'c.test', pems: [distrusted.certPem] }), synced);
    server.rig.pipeline.setPolicy({
      distrusted: new Set([fingerprintOf(distrusted.certPem)]),
      refuseIntermediates: false,
    });
    server.rig.clock.advance(100);
    const base = '/api/v1/meshes/default/trust-domains/c.test';
    const pem = await server.ask(`${base}/pem`);
    assert.equal(pem.status, 404);
    assert.deepEqual(JSON.parse(pem.body), {
      error: {
        code: 'not-found',
        message:
          'mesh default has no CA in force of trust domain c.test: remove its earlier PEM file, which is out of date',
      },
    });
    const spiffe = await server.ask(`${base}/spiffe`);
    assert.deepEqual([spiffe.status, (JSON.parse(spiffe.body) as SpiffeBundle).keys], [200, []]);
  });

  test('server that has not read its sources: does not say that nothing is trusted', async () => {
    await using server = await serve();
    const paths = ['meshes/default/trust-domains/d.test/pem', 'certificates/00', 'certificates/00/pem'];
    const statuses = (): Promise<readonly number[]> =>
      Promise.all(paths.map(async (path) => (await server.ask(`/api/v1/${path}`)).status));
    assert.deepEqual(await statuses(), [503, 503, 503]);
    assert.match((await server.ask(`/api/v1/${paths[0]}`)).body, /"incomplete"/);
    server.rig.deliver(content({ trustDomain: 'a.test', pems: [later.certPem] }), synced);
    assert.deepEqual(await statuses(), [404, 404, 404]);
  });

  for (const [what, source] of [
    ['whose Global control plane was not read yet', { name: 'import', synced: false }],
    ['whose federated bundles were not fetched yet', { name: 'federation', synced: false }],
    ['with a source that it does not wait for', { name: 'identities', synced: false }],
    ['with a file that had an error at its start', { rejected: 1 }],
    ['with a file that it cannot read', { unreadable: 1 }],
  ] as const)
    test(`ready server ${what}: does not say that nothing is trusted, until all was read once`, async () => {
      let sources: readonly SourceStatus[] = [{ ...readSource, ...source }];
      await using server = await serve({ sources: () => sources });
      server.rig.deliver(content({ trustDomain: 'a.test', pems: [later.certPem] }), synced);
      const paths = ['meshes/default/trust-domains/d.test/pem', 'certificates/00', 'certificates/00/pem'];
      const statuses = (): Promise<readonly number[]> =>
        Promise.all(paths.map(async (path) => (await server.ask(`/api/v1/${path}`)).status));
      assert.deepEqual(await statuses(), [503, 503, 503]);
      assert.match((await server.ask(`/api/v1/${paths[0]}`)).body, /"incomplete"/);
      assert.equal((await server.ask('/api/v1/meshes/default/trust-domains/a.test/pem')).status, 200);
      sources = [readSource];
      assert.deepEqual(await statuses(), [404, 404, 404]);
      // From then on, a failure takes nothing away, so what is absent was removed.
      sources = [{ ...readSource, ...source }];
      assert.deepEqual(await statuses(), [404, 404, 404]);
    });

  test('trust domain that is removed while a file has an error: its PEM file is gone if all was known before', async () => {
    let sources: readonly SourceStatus[] = [readSource];
    await using server = await serve({ sources: () => sources });
    server.rig.deliver(content({ trustDomain: 'a.test', pems: [later.certPem] }), synced);
    const path = '/api/v1/meshes/default/trust-domains/a.test/pem';
    assert.equal((await server.ask(path)).status, 200);
    sources = [{ ...readSource, rejected: 1 }];
    server.rig.deliver(gone('a.test'));
    server.rig.clock.advance(2 * holdMs);
    assert.equal((await server.ask(path)).status, 404);
  });

  test('trust domain without a CA in force while a file cannot be read: has no file, unless a CA is distrusted', async () => {
    const { certPem } = makeIntermediate(makeCa({ commonName: 'Root' }));
    await using server = await serve({ sources: () => [{ ...readSource, unreadable: 1 }] });
    const { rig, ask: get } = server;
    rig.deliver(content({ trustDomain: 'c.test', pems: [certPem] }), synced);
    const setPolicy = (distrusted: readonly string[]): void => {
      rig.pipeline.setPolicy({ distrusted: new Set(distrusted), refuseIntermediates: true });
      rig.clock.advance(100);
    };
    // The file may list the root, without which the intermediate is refused.
    const statuses = (): Promise<readonly number[]> =>
      Promise.all(
        ['pem', 'spiffe'].map(
          async (format) => (await get(`/api/v1/meshes/default/trust-domains/c.test/${format}`)).status,
        ),
      );
    setPolicy([]);
    assert.deepEqual(await statuses(), [503, 503]);
    setPolicy([fingerprintOf(certPem)]);
    assert.deepEqual(await statuses(), [404, 200]);
  });

  test('trust domain whose bundle was never fetched: unknown, and others are as before', async () => {
    const relationship = { mesh: 'default', trustDomain: 'peer.test' };
    const status = { relationship, document: undefined, withdrawn: undefined } as RelationshipStatus;
    let statuses = [status];
    await using server = await serve({
      federation: { statuses: () => statuses, refresh: () => 0 },
      sources: () => [{ ...readSource, name: 'federation' }],
    });
    server.rig.deliver(content({ trustDomain: 'a.test', pems: [later.certPem] }), synced);
    const statusOf = async (mesh: string, trustDomain: string): Promise<number> =>
      (await server.ask(`/api/v1/meshes/${mesh}/trust-domains/${trustDomain}/pem`)).status;
    assert.equal(await statusOf('default', 'peer.test'), 503);
    assert.equal(await statusOf('other', 'peer.test'), 404);
    assert.equal(await statusOf('default', 'd.test'), 404);
    statuses = [{ ...status, withdrawn: 'empty' }];
    assert.equal(await statusOf('default', 'peer.test'), 404);
  });

  test('changes: of all meshes, or of one', async () => {
    const all = (await get('/api/v1/changes')).json() as ChangeList;
    assert.deepEqual(
      all.changes.map(({ mesh, first, trustDomains }) => [mesh, first, trustDomains.map(({ name }) => name)]),
      [['default', true, ['a.test', 'b.test']]],
    );
    assert.deepEqual((await get('/api/v1/changes?mesh=other')).json(), { changes: [] });
  });
});
