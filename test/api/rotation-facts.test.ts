import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentAny, presentRollout } from '../../src/api/present-fleet.ts';
import type { ProxySummary, RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { rotationFacts } from '../../src/api/rotation-facts.ts';
import type { RotationAnswers } from '../../src/api/rotation-facts.ts';
import { assessRollout } from '../../src/fleet/rollout.ts';
import { scene, statesOf, streamOf } from '../fleet/scene.ts';

const minute = 60_000;

/** Returns the proxies without a connection, as the API lists them. */
function goneOf({ look, history, now }: ReturnType<typeof scene>): readonly ProxySummary[] {
  return [...look().gone].map((proxy) => presentAny(proxy, { history, now: now() }));
}

/** Returns for each proxy without a connection whether it has the served version, as far as the gates know. */
function hasServed(all: ReturnType<typeof scene>): Readonly<Record<string, boolean>> {
  const answers = {
    server: { version: '1', readiness: { status: 'ready' }, sources: [] },
    mesh: undefined,
    rollout: undefined,
    gone: goneOf(all),
    rotations: [],
    consumers: undefined,
  } as unknown as RotationAnswers;
  const { gone } = rotationFacts('one', 'a.test', answers);
  return Object.fromEntries(gone.map(({ node, hasServed: has }) => [node, has]));
}

suite('proxies that left, for the gates of a rotation', () => {
  test('left in sync, before or after a change → known which version they had, for an hour', () => {
    const all = scene();
    const [early, late] = [streamOf(1), streamOf(2)];
    all.publish(statesOf({ ALL: 'v1' }));
    for (const who of [early, late]) {
      all.asks(who);
      all.sent(who, 'v1');
      all.acks(who, 'v1');
    }
    all.leaves(early);
    all.publish(statesOf({ ALL: 'v2' }));
    all.sent(late, 'v2');
    all.acks(late, 'v2');
    all.leaves(late);
    assert.deepEqual(hasServed(all), { 'node-1': false, 'node-2': true });
    // No roll-out waits for them any more.
    all.pass(30 * minute);
    assert.deepEqual(hasServed(all), { 'node-1': false, 'node-2': true });
    assert.deepEqual(
      goneOf(all).map(({ state }) => state),
      ['disconnected', 'disconnected'],
    );
    all.pass(31 * minute);
    assert.deepEqual(hasServed(all), {});
  });

  test('left without an acknowledgement → does not have the version', () => {
    const all = scene();
    all.publish(statesOf({ ALL: 'v1' }));
    const who = streamOf(1);
    all.asks(who);
    all.sent(who, 'v1');
    all.leaves(who);
    all.pass(minute);
    assert.deepEqual(hasServed(all), { 'node-1': false });
  });

  test('a proxy with many secrets → unknown, so it counts as without the version', () => {
    const all = scene();
    const names = Array.from({ length: 20 }, (_, index) => `spiffe://${index}.test`);
    all.publish(statesOf(Object.fromEntries(names.map((name) => [name, 'v1']))));
    const who = streamOf(1);
    all.asks(who);
    for (const name of names) {
      all.sent(who, 'v1', name);
      all.acks(who, 'v1', name);
    }
    all.leaves(who);
    all.pass(30 * minute);
    assert.deepEqual(hasServed(all), { 'node-1': false });
  });
});

suite('proxies that left and are not listed', () => {
  const unlistedOf = (all: ReturnType<typeof scene>, rollout?: RolloutDetail) => {
    const answers = {
      server: { version: '1', readiness: { status: 'ready' }, sources: [] },
      mesh: undefined,
      rollout,
      gone: goneOf(all),
      rotations: [],
      consumers: undefined,
    } as unknown as RotationAnswers;
    return rotationFacts('one', 'a.test', answers).unlisted;
  };

  test('number and time come from the roll-out; a server that does not say them → unknown', () => {
    const all = scene({ entries: 0 });
    all.publish(statesOf({ ALL: 'v1' }));
    const rollout = (): RolloutDetail => {
      const question = { mesh: 'default', mostLagging: 0, now: all.now() };
      const found = assessRollout(all.look(), all.history, question);
      assert.ok(found);
      return presentRollout(found, all.now());
    };
    assert.deepEqual(unlistedOf(all, rollout()), { count: 0, lastAt: 0 });
    const who = streamOf(1);
    all.asks(who);
    all.leaves(who);
    const leftAt = all.now();
    all.pass(minute);
    assert.deepEqual(unlistedOf(all, rollout()), { count: 1, lastAt: leftAt });
    assert.equal(unlistedOf(all, { ...rollout(), unlisted: undefined }), undefined);
    assert.equal(unlistedOf(all), undefined);
  });
});

suite('a server, for the gates of a rotation', () => {
  const answers = (more: object): RotationAnswers =>
    ({
      server: { version: '1', readiness: { status: 'ready' }, sources: [] },
      mesh: { name: 'default', trustDomains: [], findings: [], held: [] },
      rollout: undefined,
      gone: [],
      rotations: [],
      consumers: undefined,
      ...more,
    }) as unknown as RotationAnswers;
  const source = (more: object): object => ({
    server: { version: '1', readiness: { status: 'ready' }, sources: [{ name: 's', synced: true, ...more }] },
  });

  const table: Readonly<Record<string, readonly [more: object, isReady: boolean]>> = {
    'all sources are read': [source({}), true],
    'a source fails after it was read: its state may be old': [source({ failure: 'x' }), false],
    'a source is being read': [source({ synced: false }), false],
    'an optional source has never been there': [source({ synced: false, failure: 'x' }), true],
    'a source has failed since the start, and has the state of an earlier run: it may be old': [
      source({ synced: false, restored: true, failure: 'x' }),
      false,
    ],
    'a source with the state of an earlier run is being read': [
      source({ synced: false, restored: true }),
      false,
    ],
    'it is draining': [{ server: { version: '1', readiness: { status: 'draining' }, sources: [] } }, false],
    'it does not know the mesh': [{ mesh: undefined }, false],
  };
  test('rotations → equal readings only with the same times, lifetime and CA certificates', () => {
    const rotation = { resource: 'r', trustDomain: 'a.test', old: 'a', new: 'b', leafTtlSeconds: 60 };
    const listed = [{ fingerprint: 'a' }, { fingerprint: 'b' }];
    const readingOf = (more: object): string | undefined =>
      rotationFacts('one', 'a.test', answers({ rotations: [{ ...rotation, listed, ...more }] })).rotations[0]
        ?.reading;
    const reading = readingOf({});
    // The state and the gates depend on the moment.
    for (const same of [{ listed: listed.toReversed() }, { state: 'draining', gates: [] }])
      assert.equal(readingOf(same), reading);
    const time = '2026-11-28T03:00:00Z';
    for (const other of [
      { startedAt: time },
      { switchedAt: time },
      { backAt: time },
      { leafTtlSeconds: 61 },
      { listed: [{ fingerprint: 'a' }] },
    ])
      assert.notEqual(readingOf(other), reading);
  });

  test('distrusted CA certificates → those of the trust domain only', () => {
    const finding = { code: 'MT018', trustDomain: 'a.test', fingerprint: 'a' };
    const findings = [
      finding,
      { ...finding, trustDomain: 'b.test', fingerprint: 'b' },
      { ...finding, code: 'MT023', fingerprint: 'c' },
    ];
    const mesh = { name: 'default', trustDomains: [], findings, held: [] };
    assert.deepEqual(rotationFacts('one', 'a.test', answers({ mesh })).distrusted, ['a']);
  });

  for (const [what, [more, isReady]] of Object.entries(table))
    test(`${what} → ${isReady ? 'ready' : 'not ready'}`, () =>
      assert.equal(rotationFacts('one', 'a.test', answers(more)).notReady === undefined, isReady));

  const bundle = {
    mesh: 'default',
    trustDomain: 'a.test',
    etag: '"1"',
    refreshHintSeconds: 60,
    publishedAt: '2026-11-28T03:00:00.000Z',
  };
  const consumer = {
    mesh: 'default',
    trustDomain: 'a.test',
    address: '10.0.0.1',
    userAgent: 'spire',
    state: 'sent',
    lastFetchAt: '2026-11-28T03:00:30.000Z',
    pollSeconds: 15,
  };
  const at = '2026-11-28T03:01:00.000Z';
  const publication = (more: object): unknown =>
    rotationFacts(
      'one',
      'a.test',
      answers({ consumers: { at, published: [bundle], consumers: [consumer], forgotten: 0, ...more } }),
    ).publication;
  const known = { name: '10.0.0.1 (spire)', state: 'sent', ageMs: 30_000, pollMs: 15_000 };
  const published = { etag: '"1"', hintMs: 60_000, unchangedMs: 60_000, consumers: [known] };

  test('consumers of the bundle → by name, with ages by the clock of the server, those of other bundles left out', () =>
    assert.deepEqual(
      publication({ consumers: [consumer, { ...consumer, trustDomain: 'b.test' }] }),
      published,
    ));

  test('the bundle is not published → no publication', () =>
    assert.equal(publication({ published: [{ ...bundle, trustDomain: 'b.test' }] }), undefined));

  test('the served CA certificates are not published yet → withheld, with and without an earlier bundle', () => {
    const withheld = [{ mesh: 'default', trustDomain: 'a.test' }];
    assert.equal(publication({ withheld }), 'withheld');
    assert.equal(publication({ withheld, published: [] }), 'withheld');
    const others = [
      { mesh: 'default', trustDomain: 'b.test' },
      { mesh: 'other', trustDomain: 'a.test' },
    ];
    assert.deepEqual(publication({ withheld: others }), published);
  });

  test('consumers beyond the list of the server → unknown', () =>
    assert.deepEqual(publication({ consumers: [], forgotten: 2 }), {
      ...published,
      consumers: [
        {
          name: '2 consumers that the server no longer lists',
          state: 'unknown',
          ageMs: 0,
          pollMs: undefined,
        },
      ],
    }));

  test('authentication → whether rules limit the node ids of this mesh', () => {
    const auth = { methods: ['mtls'], beyondHost: true, connectionAgeSeconds: 0 };
    for (const [more, limitsNodes] of [
      [{ rules: false }, false],
      [{ rules: false, meshesWithNodeRules: ['default'] }, false],
      [{ rules: true, meshesWithNodeRules: ['default'] }, true],
      [{ rules: true, meshesWithNodeRules: ['other'] }, false],
      [{ rules: true }, undefined],
    ] as const) {
      const given = answers({});
      const server = { ...given.server, xdsAuthentication: { ...auth, ...more } };
      const { authentication } = rotationFacts('one', 'a.test', { ...given, server });
      assert.deepEqual(authentication, { methods: ['mtls'], beyondHost: true, limitsNodes });
    }
  });

  // Release 0.1.0 calls a consumer current once the response was written.
  test('a server that does not say when it published the bundle → unknown', () => {
    assert.equal(publication({ at: undefined }), 'unknown');
    assert.equal(publication({ published: [{ ...bundle, publishedAt: undefined }] }), 'unknown');
  });
});
