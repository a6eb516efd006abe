import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { anchorsInLine, proxiesInLine, createAuditLog } from '../../../src/observe/audit/audit-log.ts';
import { scene, streamOf } from '../../fleet/scene.ts';
import { createLogger } from '../../../src/observe/log/log.ts';
import { makeCa, makeIntermediate } from '../../kit/certificates.ts';
import { content, gone, holdMs, makeRig, memoryStream, synced } from '../rig.ts';
import type { Rig } from '../rig.ts';

const [a, b, c] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' }), makeCa({ commonName: 'C' })];
const intermediate = makeIntermediate(a, { commonName: 'I' });

interface Entry {
  readonly fingerprint: string;
  readonly subject: string;
  readonly resources: readonly string[];
  readonly rooting?: string;
}

interface Line {
  readonly level: string;
  readonly event: string;
  readonly audit: boolean;
  readonly mesh: string;
  readonly trustDomain: string;
  readonly change: string;
  readonly version: string;
  readonly proxies: number;
  readonly causedAt: string;
  readonly part?: number;
  readonly parts?: number;
  readonly msg: string;
  readonly added?: readonly Entry[];
  readonly removed?: readonly Entry[];
  readonly reformed?: readonly Entry[];
  readonly leftOut?: readonly Entry[];
}

function auditing(): Rig & { readonly news: () => readonly Line[] } {
  const out = memoryStream();
  const log = createLogger({ format: 'json', level: 'error', stream: out.stream });
  const audit = createAuditLog({ log, proxies: () => 7 });
  const rig = makeRig(audit.state);
  let read = 0;
  const news = (): readonly Line[] => {
    const lines = out.lines().slice(read) as unknown as readonly Line[];
    read += lines.length;
    return lines;
  };
  return { ...rig, news };
}

const subjects = (entries: readonly Entry[] = []): readonly string[] => entries.map(({ subject }) => subject);

suite('audit log', () => {
  test('removed CA: has the resources that listed it last, also if they changed without another change', () => {
    const { deliver, news } = auditing();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, b.certPem] }), synced);
    deliver(content({ trustDomain: 'a.test', name: 'other', pems: [a.certPem, b.certPem] }));
    news();
    deliver(content({ trustDomain: 'a.test', name: 'other', pems: [a.certPem] }));
    const [line] = news();
    assert.deepEqual(
      line?.removed?.map(({ subject, resources }) => [subject, resources]),
      [['CN=B', ['default//other']]],
    );
  });

  test('first state: CAs are logged as listed, at every log level', () => {
    const { deliver, news } = auditing();
    deliver(
      content({ trustDomain: 'a.test', pems: [a.certPem, b.certPem] }),
      content({ trustDomain: 'c.test', pems: [c.certPem] }),
      synced,
    );
    const lines = news();
    assert.deepEqual(
      lines.map(({ event, audit, level, mesh, trustDomain, change }) => [
        event,
        audit,
        level,
        mesh,
        trustDomain,
        change,
      ]),
      ['a.test', 'c.test'].map((name) => ['trust-changed', true, 'info', 'default', name, 'listed']),
    );
    assert.deepEqual(subjects(lines[0]?.added).toSorted(), ['CN=A', 'CN=B']);
  });

  test('a command of a rotation that passed a gate by force: one line at the start or when it is recorded, and no second one', () => {
    const { deliver, news } = auditing();
    const [old, next] = ['a'.repeat(64), 'b'.repeat(64)];
    const record = (forced: string, marks: Readonly<Record<string, string>> = { old, new: next }) => {
      const event = content({ trustDomain: 'a.test', pems: [a.certPem] });
      assert.ok(event.kind === 'content');
      const annotations = Object.entries({ ...marks, forced }).map(
        ([key, value]) => `  meshtrust.io/rotation-${key}: "${value}"\n`,
      );
      return { ...event, text: event.text.replace('spec:', `annotations:\n${annotations.join('')}spec:`) };
    };
    const forcedLines = () =>
      (news() as unknown as readonly Readonly<Record<string, unknown>>[])
        .filter(({ event }) => event === 'rotation-forced')
        .map(({ audit, level, mesh, trustDomain, resource, command, gates, ranAt, old: replaced }) => [
          [audit, level, mesh, trustDomain, resource].join(' '),
          [command, gates, ranAt, replaced],
        ]);
    const first = '2026-11-28T03:00:00Z switched R20,R24';
    deliver(record(first), synced);
    const where = 'true warn default a.test default//a-test';
    assert.deepEqual(forcedLines(), [[where, ['switched', ['R20', 'R24'], '2026-11-28T03:00:00.000Z', old]]]);
    deliver(record(`${first}; 2026-11-28T04:00:00Z clean R20`, {}));
    assert.deepEqual(forcedLines(), [[where, ['clean', ['R20'], '2026-11-28T04:00:00.000Z', undefined]]]);
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, b.certPem] }));
    assert.deepEqual(forcedLines(), []);
  });

  test('change: the line has the added and removed CAs, their resources, the version, the number of proxies and the time of the cause', () => {
    const { clock, deliver, news, pipeline } = auditing();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    news();
    const before = clock.wall();
    deliver(content({ trustDomain: 'a.test', pems: [b.certPem] }));
    const [line, ...more] = news();
    assert.deepEqual(more, []);
    assert.equal(line?.change, 'changed');
    assert.equal(line.version, pipeline.view().meshes.get('default')?.secrets.version);
    assert.equal(line.proxies, 7);
    assert.equal(Date.parse(line.causedAt), before);
    const { fingerprint } = pipeline.view().meshes.get('default')!.bundle.bundles[0]!.anchors[0]!.certificate;
    assert.equal(fingerprint.length, 64);
    assert.deepEqual(
      line.added?.map((entry) => [entry.fingerprint, entry.subject, entry.resources]),
      [[fingerprint, 'CN=B', ['default//a-test']]],
    );
    assert.deepEqual(
      line.removed?.map(({ subject, resources }) => [subject, resources]),
      [['CN=A', ['default//a-test']]],
    );
    assert.equal(line.msg, 'mesh default: trust domain a.test changed: 1 CA added, 1 CA removed');
  });

  test('last trust domain is removed: is logged as removed, with denyAll', () => {
    const { clock, deliver, news } = auditing();
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
    news();
    deliver(gone('a.test'));
    clock.advance(holdMs);
    const [line] = news() as readonly (Line & { readonly denyAll: boolean })[];
    assert.deepEqual([line?.change, line?.denyAll, subjects(line?.removed)], ['removed', true, ['CN=A']]);
  });

  test('certificate is served in another form: is logged as reformed', () => {
    const { deliver, news } = auditing();
    deliver(content({ trustDomain: 'a.test', pems: [intermediate.certPem] }), synced);
    assert.deepEqual(
      news().flatMap(({ added = [] }) => added.map(({ rooting }) => rooting)),
      ['re-rooted'],
    );
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, intermediate.certPem] }));
    const [line] = news();
    assert.deepEqual([subjects(line?.added), subjects(line?.reformed)], [['CN=A'], ['CN=I']]);
  });

  test('change without effect on trust: is not logged', () => {
    const { deliver, news } = auditing();
    const text = { trustDomain: 'a.test', pems: [a.certPem] };
    deliver(content(text), synced);
    news();
    deliver(content({ ...text, pems: [`# a comment\n${a.certPem}`] }));
    deliver({ kind: 'content', path: 'other.yaml', text: 'kind: Other\n', settled: true });
    assert.deepEqual(news(), []);
  });

  test('change with more CAs than fit in a line: all CAs are logged, in several lines', () => {
    const { deliver, news } = auditing();
    const many = Array.from({ length: anchorsInLine + 5 }, (_, index) =>
      makeCa({ commonName: `many ${index}` }),
    );
    deliver(content({ trustDomain: 'a.test', pems: many.map(({ certPem }) => certPem) }), synced);
    const lines = news();
    assert.deepEqual(
      lines.map(({ part, parts, added = [] }) => [part, parts, added.length]),
      [
        [1, 2, anchorsInLine],
        [2, 2, 5],
      ],
    );
    assert.equal(new Set(lines.flatMap(({ added }) => subjects(added))).size, many.length);
  });

  test('last proxy acknowledges: is logged as converged, with the time that it took', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'json', level: 'error', stream: out.stream });
    const { converged } = createAuditLog({ log, proxies: () => 0 });
    const current = { version: 'v', since: 1000, servedAt: 1010, names: new Map() };
    const rollout = {
      mesh: 'default',
      current,
      connected: 3,
      states: { synced: 3, pending: 0, stale: 0, refused: 0, reconnecting: 0, lost: 0 },
      complete: true,
      forgotten: 0,
      unlisted: { count: 0, lastAt: 0 },
      convergedAt: 1250,
      versions: [],
      lagging: [],
      asked: { version: 'v', known: true, has: 3, lacks: 0 },
    };
    converged(rollout, 0);
    converged({ ...rollout, connected: 0, convergedAt: 1010 }, 0);
    converged({ ...rollout, connected: 2 }, 1);
    assert.deepEqual(
      out.lines().map(({ event, seconds, proxies, msg }) => [event, seconds, proxies, msg]),
      [
        ['trust-converged', 0.25, 3, 'mesh default: 3 of 3 proxies in sync with version v after 0.25 s'],
        ['trust-converged', 0.01, 0, 'mesh default: no proxy is connected to receive version v'],
        [
          'trust-converged',
          0.25,
          2,
          'mesh default: version v: 2 proxies in sync after 0.25 s, gave up waiting for 1 lost proxy',
        ],
      ],
    );
    assert.deepEqual(
      out.lines().map(({ lost }) => lost),
      [undefined, undefined, 1],
    );
  });

  test('lost proxies: are named when they are lost and when they expire; the converged line counts the expired ones', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'json', level: 'error', stream: out.stream });
    const audit = createAuditLog({ log, proxies: () => 0 });
    const all = scene();
    const streams = Array.from({ length: proxiesInLine + 1 }, (_, index) =>
      streamOf(index, `node-${index}\u001b`),
    );
    for (const stream of streams) {
      all.asks(stream);
      all.leaves(stream, 'silence');
    }
    const proxies = [...all.tracker.gone()].map((record) => ({ record, version: 'v1' }));
    audit.lost({ mesh: 'default', kind: 'lost', proxies: proxies.slice(0, 1), unlisted: 0 });
    audit.lost({ mesh: 'default', kind: 'expired', proxies, unlisted: 0 });
    const lines = out.lines() as {
      event: string;
      msg: string;
      audit: boolean;
      proxies: { node: string }[];
    }[];
    assert.deepEqual(
      lines.map(({ event, audit: isAudit, proxies: some }) => [event, isAudit, some.length]),
      [
        ['proxy-lost', true, 1],
        ['proxy-lost-expired', true, proxiesInLine],
        ['proxy-lost-expired', true, 1],
      ],
    );
    assert.deepEqual(lines[0]?.proxies, [
      {
        node: 'node-0',
        address: '10.0.0.0:1',
        version: 'v1',
        lostAt: new Date(all.now()).toISOString(),
        ending: 'silence',
      },
    ]);
    assert.match(lines[0]?.msg ?? '', /^mesh default: proxy node-0 is lost: /);
    assert.match(
      lines[1]?.msg ?? '',
      /^mesh default: node-0 and 99 other proxies are still lost, the server no longer waits/,
    );
  });

  test('lost proxies that are not kept by name: a line has their number, and so has one when they expire', () => {
    const out = memoryStream();
    const log = createLogger({ format: 'json', level: 'error', stream: out.stream });
    const audit = createAuditLog({ log, proxies: () => 0 });
    audit.lost({ mesh: 'default', kind: 'lost', proxies: [], unlisted: 1 });
    audit.lost({ mesh: 'default', kind: 'expired', proxies: [], unlisted: 1200 });
    assert.deepEqual(
      out.lines().map(({ event, proxies, unlisted, msg }) => ({ event, proxies, unlisted, msg })),
      [
        {
          event: 'proxy-lost',
          proxies: [],
          unlisted: 1,
          msg: 'mesh default: 1 lost proxy of any mesh is not kept by name: it is unknown whether the served version arrived',
        },
        {
          event: 'proxy-lost-expired',
          proxies: [],
          unlisted: 1200,
          msg: 'mesh default: the server no longer waits for 1200 lost proxies of any mesh that are not kept by name: it is unknown whether the served version arrived',
        },
      ],
    );
  });
});
