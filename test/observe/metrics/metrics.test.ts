import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createMetrics } from '../../../src/observe/metrics/metrics.ts';
import type { Metrics } from '../../../src/observe/metrics/metrics.ts';
import type { RotationSample } from '../../../src/observe/metrics/rotation-metrics.ts';
import type { RelationshipStatus } from '../../../src/trust/federation/relationship-status.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { largeSend } from '../../../src/observe/metrics/trouble-metrics.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { parseSamples } from '../../kit/meshtrust.ts';
import { content, gone, holdMs, makeRig, synced } from '../rig.ts';
import type { Rig } from '../rig.ts';
import type { Outgoing } from '../../../src/xds/index.ts';
import { ackOf, nackOf, streamOf } from '../streams.ts';

const day = 86_400_000;
const a = makeCa({ commonName: 'A' });
const expired = makeCa({
  commonName: 'Old',
  notBefore: new Date(Date.now() - 9 * day),
  notAfter: new Date(Date.now() - day),
});
const future = makeCa({ commonName: 'Future', notBefore: new Date(Date.now() + day) });
const intermediate = makeIntermediate(a, { commonName: 'I', notAfter: new Date(Date.now() + 40 * day) });

const responseWith = (over: Partial<Outgoing>): Outgoing => ({
  typeUrl: secretTypeUrl,
  version: '1',
  nonce: '1',
  resources: [],
  removed: [],
  bytes: new Uint8Array(10),
  ...over,
});
const resourceOf = (name: string, version: string): Outgoing['resources'][number] => ({
  name,
  version,
  body: new Uint8Array(),
});

interface Setup extends Rig {
  readonly metrics: Metrics;
  /** Returns the samples of a metric: label text to value. */
  readonly samples: (name: string) => Promise<Readonly<Record<string, number>>>;
}

function setup(caMetrics = true): Setup {
  const holder: { metrics?: Metrics } = {};
  const rig = makeRig((event) => holder.metrics?.state(event));
  const metrics = createMetrics({
    version: '1.2.3',
    view: () => rig.pipeline.view(),
    cache: rig.reader.stats,
    caMetrics,
    now: rig.clock.wall,
  });
  holder.metrics = metrics;
  return {
    ...rig,
    metrics,
    samples: async (name) => Object.fromEntries(parseSamples(await metrics.render(), `meshtrust_${name}`)),
    deliver: (...events) => {
      metrics.sourceEvents('files', events);
      rig.deliver(...events);
    },
  };
}

suite('metrics of the state', () => {
  test('readiness: of the server and of each source', async () => {
    const { deliver, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }));
    assert.deepEqual(await samples('ready'), { '': 0 });
    assert.deepEqual(await samples('source_synced'), { 'source="files"': 0 });
    deliver(synced);
    assert.deepEqual(await samples('ready'), { '': 1 });
    assert.deepEqual(await samples('source_synced'), { 'source="files"': 1 });
  });

  test('source: resources, failed reads and the time of the last event', async () => {
    const { clock, deliver, pipeline, samples } = setup();
    const rigView = () => pipeline.view().ledger.sources[0]!;
    deliver(
      content({ trustDomain: 'a.test', pems: [a.certPem] }),
      { kind: 'content', path: 'other.yaml', text: 'kind: Other\n', settled: true },
      { kind: 'content', path: 'bad.yaml', text: 'a: [', settled: true },
      { kind: 'unreadable', path: 'x.yaml', reason: 'EACCES' },
      { kind: 'failed', path: '/dir', reason: 'EIO' },
    );
    assert.deepEqual(await samples('source_objects'), {
      'source="files",mesh="default",state="accepted"': 1,
      'source="files",mesh="default",state="rejected"': 0,
      'source="files",mesh="",state="rejected"': 2,
      'source="files",mesh="",state="other"': 1,
    });
    deliver({ kind: 'content', path: 'a-test.yaml', text: 'a: [', settled: true });
    const { accepted, rejected } = rigView();
    assert.deepEqual([accepted, rejected], [1, 3]);
    const objects = await samples('source_objects');
    assert.equal(objects['source="files",mesh="default",state="rejected"'], 1, 'its last good one is of it');
    assert.deepEqual(await samples('source_errors_total'), {
      'source="files",reason="unreadable"': 1,
      'source="files",reason="failed"': 1,
    });
    const last = await samples('source_last_event_timestamp_seconds');
    assert.equal(last['source="files"'], (clock.wall() - 100) / 1000);
  });

  test('file or directory that cannot be read: counts for as long as it cannot be read', async () => {
    const { deliver, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    deliver(
      { kind: 'unreadable', path: 'b.yaml', reason: 'no rights' },
      { kind: 'failed', path: 'c', reason: 'no rights' },
    );
    deliver();
    assert.deepEqual(await samples('source_unreadable'), { 'source="files"': 2 });
    deliver({ kind: 'gone', path: 'b.yaml', evidence: 'deletion' }, { kind: 'recovered', path: 'c' });
    assert.deepEqual(await samples('source_unreadable'), { 'source="files"': 0 });
  });

  test('source without a complete read: is reported as restored', async () => {
    const first = setup();
    first.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    assert.deepEqual(await first.samples('source_restored'), { 'source="files"': 0 });
    const grants = first.pipeline.grantsOf('files', 'a-test.yaml');
    const { pipeline, deliver, clock, samples } = setup();
    pipeline.restore('files', [{ kind: 'restored', path: 'a-test.yaml', grants }]);
    clock.advance(100);
    assert.deepEqual(await samples('source_restored'), { 'source="files"': 1 });
    deliver(synced);
    assert.deepEqual(await samples('source_restored'), { 'source="files"': 0 });
  });

  test('writes to the state directory: are counted, with a series for each result from the start', async () => {
    const { metrics, samples } = setup();
    metrics.stateWrite('error');
    assert.deepEqual(await samples('snapshot_writes_total'), { 'result="ok"': 0, 'result="error"': 1 });
  });

  test('certificates: are counted by validity', async () => {
    const { deliver, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, expired.certPem, future.certPem] }), synced);
    assert.deepEqual(await samples('certificates'), {
      'mesh="default",trust_domain="a.test",state="valid"': 1,
      'mesh="default",trust_domain="a.test",state="expired"': 1,
      'mesh="default",trust_domain="a.test",state="not-yet-valid"': 1,
    });
  });

  test('certificate dates: of each certificate, and the earliest expiry of each trust domain', async () => {
    const { deliver, pipeline, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, intermediate.certPem] }), synced);
    const anchors = pipeline.view().meshes.get('default')?.bundle.bundles[0]?.anchors ?? [];
    assert.equal(anchors.length, 2);
    const expected = anchors.map(({ certificate: { fingerprint, subject, notAfter } }) => [
      `mesh="default",trust_domain="a.test",fingerprint="${fingerprint}",subject="${subject}"`,
      notAfter / 1000,
    ]);
    assert.deepEqual(await samples('ca_not_after_timestamp_seconds'), Object.fromEntries(expected));
    assert.equal(Object.keys(await samples('ca_not_before_timestamp_seconds')).length, 2);
    const end = Math.floor(intermediate.notAfter.getTime() / 1000);
    assert.deepEqual(await samples('bundle_earliest_expiry_timestamp_seconds'), {
      'mesh="default",trust_domain="a.test"': end,
    });
  });

  test('caMetrics is false: no series for single certificates', async () => {
    const { deliver, metrics, samples } = setup(false);
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    assert.doesNotMatch(await metrics.render(), /meshtrust_ca_not_/);
    assert.equal(Object.keys(await samples('bundle_earliest_expiry_timestamp_seconds')).length, 1);
  });

  test('mesh: version, size and emptiness, without series of earlier versions', async () => {
    const { clock, deliver, pipeline, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    const secrets = pipeline.view().meshes.get('default')?.secrets;
    const size = secrets?.secrets.get('system_trust_bundle')?.contentSize;
    assert.deepEqual(await samples('bundle_info'), { [`mesh="default",version="${secrets?.version}"`]: 1 });
    assert.deepEqual(await samples('bundle_bytes'), { 'mesh="default"': size });
    assert.deepEqual(await samples('bundle_empty'), { 'mesh="default"': 0 });

    deliver(gone('a.test'));
    clock.advance(holdMs);
    assert.deepEqual(await samples('bundle_empty'), { 'mesh="default"': 1 });
    assert.equal(Object.keys(await samples('bundle_info')).length, 1);
    assert.deepEqual(await samples('certificates'), {});
    assert.deepEqual(await samples('ca_not_after_timestamp_seconds'), {});
  });

  test('guard: trust domains that it holds are counted until the hold ends', async () => {
    const { deliver, pipeline, clock, samples } = setup();
    const both = ['a.test', 'b.test'].map((trustDomain) => content({ trustDomain, pems: [a.certPem] }));
    deliver(...both, synced);
    assert.deepEqual(await samples('guard_tripped'), { 'mesh="default"': 0 });
    deliver(gone('a.test'), gone('b.test'));
    assert.deepEqual(await samples('guard_tripped'), { 'mesh="default"': 2 });
    pipeline.releaseGuard();
    clock.advance(100);
    assert.deepEqual(await samples('guard_tripped'), { 'mesh="default"': 0 });
  });

  test('findings: are counted by code and severity, with a series for each code from the start', async () => {
    const { deliver, samples } = setup();
    const before = await samples('lint_findings');
    assert.equal(before['code="MT011",severity="error"'], 0);
    deliver(content({ trustDomain: 'a.test', pems: [`${a.certPem}${a.keyPem}`] }), synced);
    const after = await samples('lint_findings');
    assert.equal(after['code="MT011",severity="error"'], 1);
    assert.deepEqual(Object.keys(after), Object.keys(before));
  });

  test('certificate cache: has its counters', async () => {
    const { deliver, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }));
    deliver(content({ trustDomain: 'b.test', pems: [a.certPem] }));
    assert.deepEqual(await samples('certificate_cache_misses_total'), {
      'cache="texts"': 1,
      'cache="certificates"': 1,
    });
    assert.equal((await samples('certificate_cache_hits_total'))['cache="texts"'], 1);
    assert.ok(((await samples('certificate_cache_bytes'))['cache="certificates"'] ?? 0) > 500);
  });

  test('build info: has the versions of meshtrust and Node.js', async () => {
    const { samples } = setup();
    assert.deepEqual(await samples('build_info'), {
      [`version="1.2.3",node_version="${process.version}"`]: 1,
    });
  });
});

suite('metrics of streams', () => {
  test('streams: are counted while they are open', async () => {
    const { metrics, samples } = setup();
    const [ads, sds] = [streamOf(), streamOf({ transport: 'sds', protocol: 'sotw' })];
    metrics.observer.streamOpened?.(ads);
    metrics.observer.streamOpened?.(sds);
    metrics.observer.streamClosed?.(ads, { code: 'CANCELLED', message: '', by: 'client' });
    assert.deepEqual(await samples('xds_streams'), {
      'transport="ads",protocol="delta"': 0,
      'transport="sds",protocol="sotw"': 1,
    });
    assert.deepEqual(await samples('xds_streams_closed_total'), { 'code="CANCELLED"': 1 });
  });

  test('requests and responses: are counted by type; unknown types share one label', async () => {
    const { metrics, samples } = setup();
    const stream = streamOf();
    metrics.observer.request?.(stream, { typeUrl: secretTypeUrl, kind: 'initial', isSubscribed: true });
    for (const typeUrl of ['a', 'b'])
      metrics.observer.request?.(stream, { typeUrl, kind: 'stale', isSubscribed: true });
    assert.deepEqual(await samples('xds_requests_total'), {
      [`type_url="${secretTypeUrl}",kind="initial"`]: 1,
      'type_url="other",kind="stale"': 2,
    });
    const response = {
      typeUrl: secretTypeUrl,
      version: '1',
      nonce: '1',
      removed: [],
      bytes: new Uint8Array(5000),
    };
    metrics.observer.response?.(stream, { ...response, resources: [] });
    metrics.observer.response?.(stream, { ...response, resources: [], removed: ['x'] });
    assert.deepEqual(await samples('xds_responses_total'), {
      [`type_url="${secretTypeUrl}",result="empty"`]: 1,
      [`type_url="${secretTypeUrl}",result="removed"`]: 1,
    });
    assert.deepEqual(await samples('xds_response_bytes_sum'), { [`type_url="${secretTypeUrl}"`]: 10_000 });
  });

  test('NACKs: are counted by mesh and class; meshes without a listed MeshTrust share one label', async () => {
    const { deliver, metrics, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    const nack = nackOf('Failed to load trusted CA certificate for b.test');
    metrics.observer.nacked?.(streamOf(), nack);
    for (const group of ['x', 'y', undefined])
      metrics.observer.nacked?.(streamOf({ group }), nackOf('why not'));
    assert.deepEqual(await samples('xds_nacks_total'), {
      'mesh="default",error_class="trusted-ca"': 1,
      'mesh="(unlisted)",error_class="other"': 3,
    });
  });

  test('convergence: is measured from the cause of a change to the ACK', async () => {
    const { clock, deliver, metrics, pipeline, samples } = setup();
    const stream = streamOf();
    const version = () => pipeline.view().meshes.get('default')?.secrets.secrets.get('ALL')?.version;
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    metrics.observer.acked?.(stream, ackOf('ALL', version()));
    // Prometheus sees no increase in a series that begins with the ACKs of the first change.
    assert.deepEqual(await samples('xds_convergence_seconds_count'), { 'mesh="default"': 0 });
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, intermediate.certPem] }));
    clock.advance(900);
    metrics.observer.acked?.(stream, ackOf('ALL', version()));
    assert.deepEqual(await samples('xds_convergence_seconds_count'), { 'mesh="default"': 1 });
    assert.deepEqual(await samples('xds_convergence_seconds_sum'), { 'mesh="default"': 1 });
    assert.deepEqual(await samples('xds_debounce_seconds_count'), { '': 2 });
    assert.ok(((await samples('xds_debounce_seconds_sum'))[''] ?? 1) <= 0.1);
  });

  test('queue time: is measured from publishing a change until it is sent on a stream', async () => {
    const { clock, deliver, metrics, pipeline, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    const version = () => pipeline.view().meshes.get('default')?.secrets.secrets.get('ALL')?.version ?? '';
    const [stream, late] = [streamOf(), streamOf()];
    const send = (to: typeof stream) =>
      metrics.observer.response?.(to, responseWith({ resources: [resourceOf('ALL', version())] }));
    send(stream);
    metrics.observer.acked?.(stream, ackOf('ALL', version()));
    assert.equal((await samples('xds_queue_seconds_count'))[''], 0, 'a first delivery waits for nothing');
    deliver(content({ trustDomain: 'a.test', pems: [future.certPem] }));
    const sinceBuilt = 100;
    clock.advance(900);
    for (const to of [stream, late]) send(to);
    assert.equal((await samples('xds_queue_seconds_count'))[''], 1, 'that of the stream that had the name');
    assert.equal((await samples('xds_queue_seconds_sum'))[''], (sinceBuilt + 900) / 1000);
    metrics.observer.acked?.(stream, ackOf('ALL', version()));
    send(stream);
    assert.equal((await samples('xds_queue_seconds_count'))[''], 1, 'what it has is no change');
  });

  test('stream ends before it answers a large response: is counted', async () => {
    const { metrics, samples } = setup();
    const closed = async () => (await samples('xds_stream_closed_after_large_send_total'))[''];
    const large = responseWith({ bytes: new Uint8Array(largeSend) });
    const run = (response: typeof large, ...kinds: readonly ('ack' | 'nack' | 'subscribe')[]) => {
      const stream = streamOf();
      metrics.observer.streamOpened?.(stream);
      metrics.observer.response?.(stream, response);
      for (const kind of kinds)
        metrics.observer.request?.(stream, { typeUrl: secretTypeUrl, kind, isSubscribed: true });
      metrics.observer.streamClosed?.(stream, { code: 'CANCELLED', message: '', by: 'client' });
    };
    run(large, 'ack');
    run(large, 'nack');
    run(responseWith({ bytes: new Uint8Array(largeSend - 1) }));
    assert.equal(await closed(), 0);
    run(large);
    run(large, 'subscribe');
    assert.equal(await closed(), 2);
  });

  test('delayed streams: are counted once each', async () => {
    const { metrics, samples } = setup();
    for (const waiting of [1, 2, 1, 0, 1, 0]) metrics.observer.streamsWaiting?.(waiting);
    assert.equal((await samples('xds_streams_delayed_total'))[''], 3);
    assert.equal((await samples('xds_streams_waiting'))[''], 0);
  });

  test('build time: is measured for changes that are served', async () => {
    const { deliver, samples } = setup();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    deliver({ kind: 'content', path: 'other.yaml', text: 'kind: Other\n', settled: true });
    assert.equal((await samples('build_seconds_count'))[''], 1);
  });

  test('push time: is measured until a change is sent on all streams', async () => {
    const { metrics, samples } = setup();
    metrics.observer.fannedOut?.({ visits: 3, durationMs: 20, slices: 2 });
    assert.equal((await samples('xds_push_seconds_count'))[''], 1);
    assert.equal((await samples('xds_push_seconds_sum'))[''], 0.02);
  });

  test('two rotations of one trust domain: the metrics have the states of both, and the times of the more urgent one', async () => {
    const { metrics, samples } = setup();
    const first = { mesh: 'default', trustDomain: 'a.test', oldLastSeen: undefined } as const;
    const rotations: readonly RotationSample[] = [
      { ...first, state: 'draining', earliestFinish: 4_000, oldNotAfter: 3_000 },
      { ...first, state: 'steady', earliestFinish: 9_000, oldNotAfter: 10_000 },
    ];
    metrics.followRotations(() => Promise.resolve(rotations));
    const states = Object.entries(await samples('rotation_state')).filter(([, value]) => value === 1);
    const labels = 'mesh="default",trust_domain="a.test"';
    assert.deepEqual(
      states.map(([label]) => label).sort(),
      ['draining', 'steady'].map((state) => `${labels},state="${state}"`),
    );
    assert.deepEqual(await samples('rotation_earliest_finish_timestamp_seconds'), { [labels]: 4 });
    assert.deepEqual(await samples('rotation_old_expiry_timestamp_seconds'), { [labels]: 3 });
  });

  suite('fetches of bundles', () => {
    const relationship = { mesh: 'default', trustDomain: 'b.test' };
    const labels = (result: string) => `mesh="default",trust_domain="b.test",result="${result}"`;
    /** Returns the metrics of one relationship, and a clock. */
    const follow = (t: TestContext) => {
      const clock = { now: 1000 };
      t.mock.method(performance, 'now', () => clock.now);
      const { metrics, samples } = setup();
      const statuses = { all: [{ relationship } as unknown as RelationshipStatus] };
      metrics.federation.follow(() => statuses.all);
      const fetched = (result: string): void =>
        metrics.federation.fetched({ relationship, result, milliseconds: 1 });
      return { clock, fetched, statuses, scrape: () => samples('federation_fetches_total') };
    };

    test('only results that there were have a series, which begins with 0 at each Prometheus', async (t) => {
      const { clock, fetched, scrape } = follow(t);
      assert.deepEqual(await scrape(), {});
      fetched('tls');
      assert.deepEqual(await scrape(), { [labels('tls')]: 0 });
      fetched('tls');
      clock.now += 59_000;
      assert.deepEqual(await scrape(), { [labels('tls')]: 0 }, 'a second Prometheus');
      clock.now += 1000;
      assert.deepEqual(await scrape(), { [labels('tls')]: 2 });
      fetched('tls');
      fetched('unchanged');
      assert.deepEqual(await scrape(), { [labels('tls')]: 3, [labels('unchanged')]: 0 });
      clock.now += 60_000;
      assert.deepEqual(await scrape(), { [labels('tls')]: 3, [labels('unchanged')]: 1 });
    });

    test('relationship that is gone: has no series, and begins again if it comes back', async (t) => {
      const { clock, fetched, statuses, scrape } = follow(t);
      const { all } = statuses;
      fetched('tls');
      await scrape();
      clock.now += 60_000;
      assert.deepEqual(await scrape(), { [labels('tls')]: 1 });
      statuses.all = [];
      assert.deepEqual(await scrape(), {});
      statuses.all = all;
      assert.deepEqual(await scrape(), {});
      fetched('tls');
      assert.deepEqual(await scrape(), { [labels('tls')]: 0 });
    });
  });

  test('writes to the API server: each result of a kind has a series from its first write on', async () => {
    const { metrics, samples } = setup();
    metrics.status.write('status', 'ok');
    assert.deepEqual(await samples('kubernetes_writes_total'), {
      'kind="status",result="ok"': 1,
      'kind="status",result="error"': 0,
      'kind="status",result="dropped"': 0,
    });
  });

  test('unary requests: are counted', async () => {
    const { metrics, samples } = setup();
    metrics.observer.fetched?.({ transport: 'sds', address: '', outcome: 'not-ready' });
    assert.deepEqual(await samples('xds_fetches_total'), { 'transport="sds",outcome="not-ready"': 1 });
  });
});
