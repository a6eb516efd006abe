import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import fsPromises, { rename, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect } from 'node:tls';
import { startBundleEndpoint } from '../../src/app/bundle-endpoint.ts';
import { createFileReport } from '../../src/app/file-report.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { createMetrics } from '../../src/observe/metrics/metrics.ts';
import type { BundleEndpointOptions } from '../../src/runtime/serve-options.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import type { TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import { fetchBundle } from '../bundle-endpoint/fetch-bundle.ts';
import type { Fetched } from '../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../kit/certificates.ts';
import type { Certificate } from '../kit/certificates.ts';
import { parseSamples } from '../kit/meshtrust.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import type { TempDir } from '../kit/temp-dir.ts';
import { content, gone, makeRig, memoryStream, synced } from '../observe/rig.ts';
import type { Rig } from '../observe/rig.ts';

const trustDomain = 'a.test' as TrustDomain;
const web = makeCa({ commonName: 'Web CA' });
const [one, two] = [makeCa({ commonName: 'one' }), makeCa({ commonName: 'two' })];
const webLeaf = makeLeaf(web, { dnsNames: ['localhost'] });
const trustOf = (...cas: readonly Certificate[]): SourceEvent =>
  content({ trustDomain, pems: cas.map(({ certPem }) => certPem) });

interface Setup extends Partial<BundleEndpointOptions> {
  readonly dir: TempDir;
  readonly leaf?: Certificate;
  readonly rig?: Rig;
}

async function start({ dir, leaf = webLeaf, rig = makeRig(() => undefined), ...options }: Setup) {
  const [certificate, key] = [dir.join('tls.crt'), dir.join('tls.key')];
  await writeFile(certificate, leaf.certPem);
  await writeFile(key, leaf.keyPem);
  let isDraining = false;
  const refused = Promise.withResolvers<readonly string[]>();
  const view = () => rig.pipeline.view();
  const metrics = createMetrics({ version: '0', view, cache: rig.reader.stats, caMetrics: false });
  const log = memoryStream();
  const settings = {
    listen: '127.0.0.1:0',
    profile: 'web',
    certificate,
    key,
    rules: [{ mesh: 'default', trustDomain: '*' }],
    refreshSeconds: 300,
    perSecond: 1000,
    ...options,
  } as const;
  const endpoint = await startBundleEndpoint(settings, {
    options: { defaultMesh: 'default', stateDir: dir.path },
    pipeline: rig.pipeline,
    draining: () => isDraining,
    metrics: metrics.bundles,
    log: createLogger({ format: 'json', level: 'info', stream: log.stream }),
    report: createFileReport((findings) => refused.resolve(findings.map(({ message }) => message))),
    now: rig.clock.wall,
    after: rig.clock.after,
  });
  const { address } = log.lines().find(({ event }) => event === 'bundle-endpoint') ?? assert.fail();
  const ca = options.profile === 'spiffe' ? one.certPem : web.certPem;
  return {
    rig,
    endpoint,
    logged: (event: string) => log.lines().filter((line) => line['event'] === event),
    metric: async (name: string) => parseSamples(await metrics.render(), name),
    /** Resolves with the findings once the files cannot be used. */
    refused: refused.promise,
    drain: () => (isDraining = true),
    get: (path: string, headers: Record<string, string> = {}): Promise<Fetched> =>
      fetchBundle(address as string, path, { ca, headers }),
    handshake: async (): Promise<void> => {
      const port = Number((address as string).split(':').at(-1));
      const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
      await once(socket, 'secureConnect');
      socket.destroy();
    },
    codes: () =>
      [...new Set(view().findings.map(({ code }) => code))].filter((code) => code.startsWith('MT08')),
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

const documentOf = ({ body }: Fetched): { keys: { x5c: string[] }[]; spiffe_sequence: number } =>
  JSON.parse(body) as { keys: { x5c: string[] }[]; spiffe_sequence: number };

suite('bundle endpoint of the server', () => {
  test('before the first complete read: 503; then the bundle; while it shuts down: 503', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    server.rig.deliver(trustOf(one));
    assert.equal((await server.get('/a.test')).status, 503);
    server.rig.deliver(synced);
    const got = await server.get('/a.test');
    assert.equal(got.status, 200);
    assert.deepEqual(
      documentOf(got).keys.map(({ x5c }) => x5c),
      [[one.der.toString('base64')]],
    );
    assert.equal((await server.get('/b.test')).status, 404);
    server.drain();
    assert.equal((await server.get('/a.test')).status, 503);
  });

  test('many bundles: are published in turns of 50 keys; until all are, the response is 503', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    const count = 170;
    const trusts = Array.from({ length: count }, (_, index) => {
      const name = `d${String(index).padStart(3, '0')}`;
      return content({ trustDomain: `${name}.test`, pems: [makeCa().certPem] });
    });
    const publishedNow = (): number => server.endpoint.consumers().published.length;
    server.rig.deliver(...trusts, synced);
    const first = server.get('/d000.test');
    const seen = [publishedNow()];
    while (publishedNow() < count) {
      await setImmediate();
      seen.push(publishedNow());
    }
    assert.deepEqual([...new Set(seen)], [50, 100, 150, count]);
    await setImmediate();
    assert.equal((await server.get('/d169.test')).status, 200);
    // Nothing of a bundle that is to come: neither 404 nor an empty one.
    assert.match(String((await first).status), /^(?:200|503)$/);
  });

  test('state that was built before the endpoint started: the first request gets the bundle', async () => {
    await using dir = await makeTempDir();
    const rig = makeRig(() => undefined);
    rig.deliver(trustOf(one), synced);
    await using server = await start({ dir, rig });
    assert.equal((await server.get('/a.test')).status, 200);
  });

  test('removal of the last CA certificate: is published once the guard releases it, with MT080', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    const others = ['b.test', 'c.test', 'd.test'];
    const pems = [one.certPem];
    server.rig.deliver(trustOf(one), ...others.map((name) => content({ trustDomain: name, pems })), synced);
    const { etag = '' } = (await server.get('/a.test')).headers;
    server.rig.deliver(gone(trustDomain), ...others.map(gone));
    assert.equal((await server.get('/a.test', { 'If-None-Match': String(etag) })).status, 304, 'held');
    server.rig.pipeline.releaseGuard();
    server.rig.clock.advance(1000);
    const got = await server.get('/a.test', { 'If-None-Match': String(etag) });
    assert.deepEqual([got.status, documentOf(got).keys], [200, []]);
    assert.deepEqual(server.codes(), ['MT080']);
    server.rig.deliver(trustOf(one), ...others.map((name) => content({ trustDomain: name, pems })));
    assert.deepEqual(server.codes(), []);
  });

  test('log: has a line for each bundle that is published anew', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    server.rig.deliver(trustOf(one), synced);
    server.rig.deliver(trustOf(one, two));
    server.rig.deliver(trustOf(one, two));
    assert.deepEqual(
      server.logged('bundle-published').map(({ mesh, trustDomain: name, keys }) => [mesh, name, keys]),
      [
        ['default', 'a.test', 1],
        ['default', 'a.test', 2],
      ],
    );
  });

  test('file that becomes unreadable or breaks: the bundle stays as it is', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    server.rig.deliver(trustOf(one), synced);
    const before = await server.get('/a.test');
    for (const event of [
      { kind: 'unreadable', path: 'a-test.yaml', reason: 'permission denied' },
      { kind: 'content', path: 'a-test.yaml', text: 'type: [', settled: true },
      { kind: 'failed', path: '.', reason: 'no such directory' },
    ] as const) {
      server.rig.deliver(event);
      server.rig.clock.advance(100_000);
      assert.equal((await server.get('/a.test')).body, before.body, event.kind);
    }
  });

  test('restart: the sequence of an unchanged bundle stays, that of a changed one is higher', async () => {
    await using dir = await makeTempDir();
    let sequence: number;
    {
      await using server = await start({ dir });
      server.rig.deliver(trustOf(one), synced);
      sequence = documentOf(await server.get('/a.test')).spiffe_sequence;
    }
    const rig = makeRig(() => undefined);
    // The clock of the machine went back.
    rig.clock.setWall(1000);
    await using server = await start({ dir, rig });
    rig.deliver(trustOf(one), synced);
    assert.equal(documentOf(await server.get('/a.test')).spiffe_sequence, sequence);
    rig.deliver(trustOf(one, two));
    assert.equal(documentOf(await server.get('/a.test')).spiffe_sequence, sequence + 1);
  });

  for (const [how, isBlocked] of [
    ['the next request waits for the record', false],
    ['beyond five seconds, the request is answered', true],
  ] as const)
    test(`state directory that takes long: ${how}`, async (t) => {
      await using dir = await makeTempDir();
      await using server = await start({ dir });
      server.rig.deliver(trustOf(one), synced);
      await server.get('/a.test');
      const record = Promise.withResolvers<undefined>();
      const writing = Promise.withResolvers<undefined>();
      const { rename: renameFile } = fsPromises;
      t.mock.method(fsPromises, 'rename', async (from: string, to: string) => {
        writing.resolve(undefined);
        await record.promise;
        await renameFile(from, to);
      });
      syncBuiltinESMExports();
      using _ = {
        [Symbol.dispose]() {
          record.resolve(undefined);
          t.mock.restoreAll();
          syncBuiltinESMExports();
        },
      };
      server.rig.deliver(trustOf(one, two));
      const got = server.get('/a.test').then((response) => {
        const kept = readFileSync(dir.join('bundle-sequences.json'), 'utf8');
        const { keys, spiffe_sequence: sequence } = documentOf(response);
        return [keys.length, kept.includes(`"sequence": ${sequence},`)];
      });
      await writing.promise;
      // After three handshakes, a request that does not wait has its response.
      for (let handshake = 0; handshake < 3; handshake += 1) await server.handshake();
      if (isBlocked) server.rig.clock.advance(5000);
      else record.resolve(undefined);
      assert.deepEqual(await got, [2, !isBlocked]);
    });

  test('restart beside a file that cannot be read: no bundle map without its trust domain, until it is gone', async () => {
    await using dir = await makeTempDir();
    const other = content({ trustDomain: 'b.test', pems: [two.certPem] });
    {
      await using server = await start({ dir });
      server.rig.deliver(trustOf(one), other, synced);
      assert.equal((await server.get('/bundles/default')).status, 200);
    }
    await using server = await start({ dir });
    const { rig } = server;
    rig.deliver({ kind: 'content', path: 'a-test.yaml', text: '{', settled: true }, other, synced);
    assert.equal((await server.get('/b.test')).status, 503, 'the first read is not complete');
    rig.clock.advance(60_000);
    const statuses = async () => {
      const responses = await Promise.all(
        ['/bundles/default', '/a.test', '/b.test'].map((path) => server.get(path)),
      );
      return responses.map(({ status }) => status);
    };
    assert.deepEqual(await statuses(), [503, 404, 200]);
    rig.deliver(gone('a.test'));
    rig.clock.advance(60_000);
    assert.deepEqual(await statuses(), [200, 404, 200]);
  });

  test('record that cannot be read: the server starts, and publishes', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('bundle-sequences.json'), '{');
    await using server = await start({ dir });
    server.rig.deliver(trustOf(one), synced);
    assert.equal((await server.get('/a.test')).status, 200);
  });

  test('consumers: are listed with what they hold, and counted', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    server.rig.deliver(trustOf(one), synced);
    await server.get('/a.test', { 'User-Agent': 'late' });
    server.rig.deliver(trustOf(one, two));
    const { etag = '' } = (await server.get('/bundles/default/a.test', { 'User-Agent': 'early' })).headers;
    await server.get('/never.test', { 'User-Agent': 'lost' });
    const statesOf = (): readonly string[] => server.endpoint.consumers().consumers.map(({ state }) => state);
    assert.deepEqual(statesOf(), ['sent', 'behind']);
    await server.get('/a.test', { 'User-Agent': 'early', 'If-None-Match': String(etag) });
    assert.deepEqual(
      server.endpoint
        .consumers()
        .consumers.map(({ mesh, trustDomain: name, address, userAgent, state }) => [
          mesh,
          name,
          address,
          userAgent,
          state,
        ]),
      [
        ['default', 'a.test', '127.0.0.1', 'early', 'current'],
        ['default', 'a.test', '127.0.0.1', 'late', 'behind'],
      ],
    );
    const labels = 'mesh="default",trust_domain="a.test"';
    assert.deepEqual(
      [...(await server.metric('meshtrust_bundle_consumers'))],
      [
        [`${labels},state="current"`, 1],
        [`${labels},state="sent"`, 0],
        [`${labels},state="behind"`, 1],
        [`${labels},state="unknown"`, 0],
      ],
    );
    assert.deepEqual(
      [...(await server.metric('meshtrust_bundle_requests_total'))],
      [
        [`${labels},code="200"`, 2],
        ['mesh="",trust_domain="",code="404"', 1],
        [`${labels},code="304"`, 1],
      ],
    );
    const { spiffe_sequence: sequence } = documentOf(await server.get('/a.test'));
    assert.deepEqual([...(await server.metric('meshtrust_bundle_sequence'))], [[labels, sequence]]);
    const expiry = await server.metric('meshtrust_bundle_certificate_expiry_timestamp_seconds');
    assert.equal(expiry.get('profile="web"'), Math.floor(webLeaf.notAfter.getTime() / 1000));
  });

  test('consumer that no longer polls: is counted as overdue for a day, and the time of the bundle is known', async () => {
    await using dir = await makeTempDir();
    await using server = await start({ dir });
    const begin = server.rig.clock.wall();
    server.rig.deliver(trustOf(one), synced);
    for (let fetches = 0; fetches < 3; fetches += 1) {
      await server.get('/a.test');
      server.rig.clock.advance(60_000);
    }
    const overdue = async (): Promise<readonly number[]> => [
      ...(await server.metric('meshtrust_bundle_consumers_overdue')).values(),
    ];
    server.rig.clock.advance(3 * 300_000 - 60_000);
    assert.deepEqual(await overdue(), [0]);
    server.rig.clock.advance(1);
    assert.deepEqual(await overdue(), [1]);
    const { at, published, consumers } = server.endpoint.consumers();
    assert.equal(at, new Date(server.rig.clock.wall()).toISOString());
    assert.deepEqual(
      published.map(({ refreshHintSeconds }) => refreshHintSeconds),
      [300],
    );
    const age = Date.parse(published[0]?.publishedAt ?? '') - begin;
    assert.ok(age >= 0 && age < 60_000, `${age} ms after the start`);
    assert.deepEqual(
      consumers.map(({ state, pollSeconds, overdue: isLate }) => [state, pollSeconds, isLate]),
      [['current', 60, true]],
    );
    server.rig.clock.advance(86_400_000);
    assert.deepEqual(await overdue(), [0]);
  });

  test('profile spiffe: a certificate that is no X509-SVID is refused at the start', async () => {
    await using dir = await makeTempDir();
    await assert.rejects(
      start({ dir, profile: 'spiffe' }),
      /TLS cannot be set up: the certificate has 0 URIs/,
    );
  });

  test('profile spiffe: MT081 appears once the CA of the certificate is no longer published', async () => {
    await using dir = await makeTempDir();
    const leaf = makeLeaf(one, { spiffeId: 'spiffe://a.test/endpoint', dnsNames: ['localhost'] });
    await using server = await start({ dir, leaf, profile: 'spiffe' });
    server.rig.deliver(trustOf(one, two), synced);
    assert.deepEqual(server.codes(), []);
    server.rig.deliver(trustOf(two));
    assert.deepEqual(server.codes(), ['MT081']);
    server.rig.deliver(trustOf(one, two));
    assert.deepEqual(server.codes(), []);
  });

  test('profile spiffe: MT081 appears when the certificate expires, without another change', async () => {
    await using dir = await makeTempDir();
    const rig = makeRig(() => undefined);
    const notAfter = new Date(Math.ceil(rig.clock.wall() / 1000) * 1000 + 3_600_000);
    const spiffeId = 'spiffe://a.test/endpoint';
    const leaf = makeLeaf(one, { spiffeId, dnsNames: ['localhost'], notAfter });
    await using server = await start({ dir, leaf, rig, profile: 'spiffe' });
    rig.deliver(trustOf(one), synced);
    assert.deepEqual(server.codes(), []);
    rig.clock.advance(notAfter.getTime() - rig.clock.wall());
    assert.deepEqual(server.codes(), []);
    rig.clock.advance(2000);
    assert.deepEqual(server.codes(), ['MT081']);
  });

  test('profile spiffe: files that are replaced by no X509-SVID leave the previous certificate in use', async (t) => {
    await using dir = await makeTempDir();
    const spiffeId = 'spiffe://a.test/endpoint';
    const leaf = makeLeaf(one, { spiffeId, dnsNames: ['localhost'] });
    t.mock.timers.enable({ apis: ['setInterval'] });
    await using server = await start({ dir, leaf, profile: 'spiffe' });
    server.rig.deliver(trustOf(one), synced);
    const before = await server.get('/a.test');
    const replace = async (name: string, text: string): Promise<void> => {
      await writeFile(dir.join('new'), text);
      await rename(dir.join('new'), dir.join(name));
    };
    const { certPem, keyPem } = makeLeaf(one, { dnsNames: ['localhost'] });
    await replace('tls.key', keyPem);
    await replace('tls.crt', certPem);
    t.mock.timers.tick(5000);
    const [message] = await server.refused;
    assert.match(message ?? '', /bundle endpoint cannot be used: the certificate has 0 URIs/);
    assert.equal((await server.get('/a.test')).fingerprint, before.fingerprint);
  });
});
