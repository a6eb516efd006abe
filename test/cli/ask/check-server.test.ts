import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FindingDetail, MeshDetail } from '../../../src/api/api-types.ts';
import type { LaggingProxy, RolloutDetail } from '../../../src/api/fleet-api-types.ts';
import type { ProxyState } from '../../../src/fleet/assess.ts';
import { presentMesh } from '../../../src/api/present-mesh.ts';
import { checkCatalogue } from '../../../src/cli/ask/check-catalogue.ts';
import type { CheckName } from '../../../src/cli/ask/check-catalogue.ts';
import { checkReplicas, checkServer } from '../../../src/cli/ask/check-server.ts';
import type { ServerFacts, Verdict } from '../../../src/cli/ask/check-result.ts';
import { domainOf, meshOf } from '../../admin/states.ts';

const now = Date.UTC(2026, 5, 1);
const context = { version: '1.0.0', now };
const day = 86_400_000;
type Answered = Extract<ServerFacts, { readonly kind: 'answered' }>;

const mesh = presentMesh(meshOf([domainOf('a.test', [{ name: 'A' }, { name: 'B' }])]), {
  findings: [],
  held: [],
  proxies: 1,
  now: 0,
});

/** Returns a mesh whose anchors have these dates, in days from now. */
function meshWith(...dates: readonly (readonly [from: number, until: number])[]): MeshDetail {
  const [domain] = mesh.trustDomains;
  const [anchor] = domain?.anchors ?? [];
  assert.ok(domain !== undefined && anchor !== undefined);
  const time = (days: number): string => new Date(now + days * day).toISOString();
  const anchors = dates.map(([from, until]) => ({ ...anchor, notBefore: time(from), notAfter: time(until) }));
  return { ...mesh, trustDomains: [{ ...domain, anchors }] };
}

/** `unnamed`: number of proxies that the server counts but does not name. */
function rollout(
  lagging: readonly LaggingProxy[],
  connected = 1,
  unnamed: Partial<Record<ProxyState, number>> = {},
): RolloutDetail {
  const count = (of: ProxyState): number =>
    (unnamed[of] ?? 0) + lagging.filter(({ state }) => state === of).length;
  const proxies = {
    connected,
    synced: count('synced'),
    pending: count('pending'),
    stale: count('stale'),
    refused: count('refused'),
    reconnecting: count('reconnecting'),
    lost: count('lost'),
    forgotten: 0,
  };
  const rest = { complete: true, changedAt: '', servedAt: '', versions: [], converged: lagging.length === 0 };
  const asked = { version: mesh.version, known: true, proxies: connected, lacking: lagging.length };
  return { mesh: 'default', version: mesh.version, proxies, lagging, asked, ...rest };
}

const well: Answered = {
  kind: 'answered',
  server: 'http://one',
  detail: {
    version: '1.0.0',
    readiness: { status: 'ready' },
    sources: [{ name: 'files', synced: true, restored: false, accepted: 1, rejected: 0 }],
  },
  meshes: [mesh],
  findings: { counts: { error: 0, warning: 0, info: 0 }, findings: [] },
  rollouts: [rollout([])],
  connected: 1,
};

function found(over: Partial<FindingDetail>): Answered['findings'] {
  const finding: FindingDetail = {
    severity: 'error',
    code: 'MT011',
    name: 'private-key',
    message: 'a key',
    ...over,
  };
  return { counts: { error: 1, warning: 0, info: 0 }, findings: [finding] };
}

function source(over: Partial<Answered['detail']['sources'][number]>): Pick<Answered, 'detail'> {
  const [first] = well.detail.sources;
  assert.ok(first !== undefined);
  return { detail: { ...well.detail, sources: [{ ...first, ...over }] } };
}

const lagging = { node: 'node-1', address: '10.0.0.1:1', behindSeconds: 40 } as const;

suite('the checks of a server', () => {
  test('healthy server: every check of the catalogue passes, in its order', () => {
    const results = [...checkServer(well, context), ...checkReplicas([well, well])];
    assert.deepEqual(
      results.map(({ check }) => check),
      Object.keys(checkCatalogue),
    );
    assert.deepEqual(new Set(results.map(({ verdict }) => verdict)), new Set(['ok']));
    assert.deepEqual(
      results.flatMap(({ details }) => details),
      [],
    );
  });

  for (const [what, over, verdict] of [
    ['a source never read', { failure: 'EACCES' }, 'failed'],
    ['a source restored from an earlier run', { restored: true }, 'warning'],
  ] as const) {
    test(`${what}: sources-read is ${verdict}, and it is unknown whether its versions are current`, () => {
      const facts = { ...well, ...source({ synced: false, ...over }) };
      const bad = checkServer(facts, context).filter((one) => one.verdict !== 'ok');
      assert.deepEqual(
        bad.map(({ check, verdict: is }) => [check, is]),
        [
          ['sources-read', verdict],
          ['sources-current', 'warning'],
        ],
      );
      assert.match(bad[0]?.details.join() ?? '', verdict === 'failed' ? /^files \(EACCES\)$/ : /^files$/);
      assert.match(bad[1]?.details.join() ?? '', /^files: it is unknown which versions are the newest, /);
    });
  }

  const tokens = {
    methods: ['token'],
    beyondHost: true,
    rules: true,
    meshesWithNodeRules: ['default'],
    connectionAgeSeconds: 60,
  };
  const table: readonly (readonly [
    what: string,
    over: Partial<Answered>,
    check: CheckName,
    verdict: Verdict,
    detail: RegExp,
  ])[] = [
    [
      'another version',
      { detail: { ...well.detail, version: '0.9.0' } },
      'server-version',
      'warning',
      /0\.9\.0/,
    ],
    [
      'a source that is not read yet',
      { detail: { ...well.detail, readiness: { status: 'waiting', missing: ['kubernetes (403)'] } } },
      'server-ready',
      'failed',
      /kubernetes \(403\)/,
    ],
    [
      'a doubtful first read',
      {
        detail: {
          ...well.detail,
          readiness: { status: 'doubtful', reason: 'no MeshTrust', findings: [], secondsLeft: 12 },
        },
      },
      'server-ready',
      'failed',
      /no MeshTrust; unless the sources change, the server accepts this in 12s/,
    ],
    [
      'a server that is shutting down',
      { detail: { ...well.detail, readiness: { status: 'draining' } } },
      'server-ready',
      'failed',
      /the server is shutting down/,
    ],
    [
      'an object whose newest version is not in force',
      source({ rejected: 2 }),
      'sources-current',
      'warning',
      /2 newest versions not/,
    ],
    [
      'a place that cannot be read',
      source({ failure: 'x: EACCES' }),
      'sources-current',
      'warning',
      /x: EACCES/,
    ],
    [
      'a loss that is held back',
      { meshes: [{ ...mesh, held: [{ name: 'a.test', secondsLeft: 9 }] }] },
      'guard-quiet',
      'failed',
      /mesh default: trust domain a\.test held for another 9s/,
    ],
    [
      'an error',
      { findings: found({ file: 'a.yaml', line: 3 }) },
      'findings-errors',
      'failed',
      /^a\.yaml:3: MT011 a key \(https:.*\/v[^/]+\/docs\/findings\.md#mt011-private-key\)$/,
    ],
    [
      'a watched file that cannot be used',
      { findings: found({ code: 'MT062', name: 'followed-file', file: 'tokens', message: 'no' }) },
      'files-current',
      'failed',
      /^tokens: MT062 no \(https:.*\/v[^/]+\/docs\/findings\.md#mt062-followed-file\)$/,
    ],
    [
      'a warning',
      { findings: found({ severity: 'warning', code: 'MT020', name: 're-rooted' }) },
      'findings-warnings',
      'warning',
      /MT020/,
    ],
    ['a mesh without trust', { meshes: [{ ...mesh, denyAll: true }] }, 'trust-present', 'failed', /default/],
    [
      'an expired CA beside a valid one',
      { meshes: [meshWith([-9, -3], [-9, 99])] },
      'authorities-valid',
      'warning',
      /expired 3d ago/,
    ],
    [
      'an expired CA without a valid one',
      { meshes: [meshWith([-9, -3], [1, 99])] },
      'authorities-valid',
      'failed',
      /expired 3d ago/,
    ],
    [
      'a CA that is not valid yet',
      { meshes: [meshWith([3, 99], [-1, 99])] },
      'authorities-valid',
      'warning',
      /becomes valid in 3d/,
    ],
    [
      'a CA that expires in 30 days',
      { meshes: [meshWith([-1, 29])] },
      'authorities-last',
      'warning',
      /in 29d/,
    ],
    ['one that expires in 7 days', { meshes: [meshWith([-1, 6])] }, 'authorities-last', 'warning', /in 6d/],
    [
      'a proxy that rejected a response',
      { rollouts: [rollout([{ ...lagging, state: 'refused', message: 'bad bytes' }])] },
      'proxies-accept',
      'failed',
      /^node-1, mesh default: bad bytes$/,
    ],
    [
      'a pending proxy',
      { rollouts: [rollout([{ ...lagging, state: 'pending' }])] },
      'proxies-current',
      'warning',
      /pending/,
    ],
    [
      'a worker that does not report its proxies',
      { rollouts: [{ ...rollout([]), complete: false, converged: false }] },
      'proxies-current',
      'failed',
      /^mesh default: a worker does not report its proxies$/,
    ],
    [
      'a stale proxy that the server does not name',
      { rollouts: [rollout([{ ...lagging, node: '', state: 'stale' }])] },
      'proxies-current',
      'failed',
      /^10\.0\.0\.1:1, mesh default: stale for 40s$/,
    ],
    [
      'a lost proxy',
      { rollouts: [rollout([{ ...lagging, state: 'lost', version: 'v1' }])] },
      'proxies-current',
      'failed',
      /^node-1, mesh default: lost for 40s, last acknowledged v1$/,
    ],
    [
      'a proxy that may be back at any moment',
      { rollouts: [rollout([{ ...lagging, state: 'reconnecting' }])] },
      'proxies-current',
      'warning',
      /^node-1, mesh default: reconnecting for 40s$/,
    ],
    [
      'a lost proxy that the server does not name',
      { rollouts: [rollout([], 1, { lost: 1 })] },
      'proxies-current',
      'failed',
      /^mesh default: 1 more lost$/,
    ],
    [
      'a stale proxy that the server does not name',
      { rollouts: [rollout([], 1, { stale: 1 })] },
      'proxies-current',
      'failed',
      /^mesh default: 1 more stale$/,
    ],
    [
      'pending proxies that the server does not name',
      { rollouts: [rollout([{ ...lagging, state: 'pending' }], 3, { pending: 2 })], connected: 3 },
      'proxies-current',
      'warning',
      /^node-1, mesh default: pending for 40s$/,
    ],
    [
      'a refusal of a proxy that the server does not name',
      { rollouts: [rollout([], 1, { refused: 2 })] },
      'proxies-accept',
      'failed',
      /^mesh default: 2 more refused$/,
    ],
    [
      'more lost proxies than the server keeps',
      {
        rollouts: [{ ...rollout([]), converged: false, proxies: { ...rollout([]).proxies, forgotten: 3 } }],
      },
      'proxies-current',
      'failed',
      /^3 more proxies lost, beyond the number that the server keeps by name$/,
    ],
    [
      'a proxy of a mesh without a MeshTrust',
      { connected: 3 },
      'proxies-listed',
      'warning',
      /^2 of 3 proxies are of a mesh without a MeshTrust$/,
    ],
    [
      'tokens on streams that last forever',
      {
        detail: {
          ...well.detail,
          xdsAuthentication: {
            methods: ['mtls', 'token'],
            beyondHost: true,
            rules: true,
            connectionAgeSeconds: 0,
          },
        },
      },
      'proxies-judged',
      'warning',
      /^a proxy keeps its stream after its token has expired or its pod was deleted$/,
    ],
    [
      'authenticated clients without rules',
      {
        detail: {
          ...well.detail,
          xdsAuthentication: { ...tokens, rules: false, meshesWithNodeRules: [] },
        },
      },
      'proxies-limited',
      'warning',
      /^every client with a credential may use any node id of any mesh, .* federated trust domains$/,
    ],
    [
      'rules without a node',
      { detail: { ...well.detail, xdsAuthentication: { ...tokens, meshesWithNodeRules: ['other'] } } },
      'proxies-limited',
      'warning',
      /^mesh default: the access rules do not limit the node ids of every client$/,
    ],
    ...[
      { connectionAgeSeconds: 14_400, streamAgeSeconds: 7_200 },
      { connectionAgeSeconds: 7_200, streamAgeSeconds: 0 },
      { connectionAgeSeconds: 0, streamAgeSeconds: 7_200 },
    ].map((ages): (typeof table)[number] => [
      `tokens of an hour, and ages ${Object.values(ages).join(' and ')}`,
      { detail: { ...well.detail, xdsAuthentication: { ...tokens, ...ages, tokenLifeSeconds: 3_600 } } },
      'proxies-judged',
      'warning',
      /^a proxy is checked again after 7200 s, but tokens are valid for 3600 s: /,
    ]),
  ];
  test('proxies of the same host, without credentials, or of an older server: node ids are not checked', () => {
    for (const more of [
      { beyondHost: false, rules: false },
      { methods: ['token', 'none'], rules: false },
      { meshesWithNodeRules: undefined },
    ]) {
      const detail = { ...well.detail, xdsAuthentication: { ...tokens, ...more } };
      assert.deepEqual(
        checkServer({ ...well, detail }, context).filter(({ verdict }) => verdict !== 'ok'),
        [],
      );
    }
  });

  test('tokens that live at least as long as streams, or of an unknown life: nothing is wrong', () => {
    for (const ages of [
      { connectionAgeSeconds: 3_600, tokenLifeSeconds: 3_600 },
      { connectionAgeSeconds: 86_400, streamAgeSeconds: 1_800, tokenLifeSeconds: 3_600 },
      { connectionAgeSeconds: 86_400 },
    ]) {
      const detail = { ...well.detail, xdsAuthentication: { ...tokens, ...ages } };
      assert.deepEqual(
        checkServer({ ...well, detail }, context).filter(({ verdict }) => verdict !== 'ok'),
        [],
      );
    }
  });

  for (const [what, over, check, verdict, detail] of table) {
    test(`${what}: only ${check} is ${verdict}`, () => {
      const bad = checkServer({ ...well, ...over }, context).filter((one) => one.verdict !== 'ok');
      assert.deepEqual(
        bad.map((one) => [one.check, one.verdict, one.server]),
        [[check, verdict, 'http://one']],
      );
      assert.match(bad[0]?.details[0] ?? '', detail);
    });
  }

  for (const [what, dates, code, check] of [
    ['has expired', [-9, -3], 'MT022', 'authorities-valid'],
    ['is not valid yet', [3, 99], 'MT024', 'authorities-valid'],
    ['expires soon', [-9, 3], 'MT023', 'authorities-last'],
  ] as const) {
    test(`CA that ${what}: is reported with its file and line`, () => {
      const bad = meshWith(dates, [-1, 99]);
      const [domain] = bad.trustDomains;
      const [anchor, valid] = domain?.anchors ?? [];
      assert.ok(domain && anchor && valid);
      const anchors = [anchor, { ...valid, fingerprint: 'ff'.repeat(32) }];
      const facts = {
        ...well,
        meshes: [{ ...bad, trustDomains: [{ ...domain, anchors }] }],
        findings: found({
          code,
          file: 'a.yaml',
          line: 7,
          mesh: bad.name,
          trustDomain: domain.name,
          fingerprint: anchor.fingerprint,
        }),
      };
      const result = checkServer(facts, context).find((one) => one.check === check);
      assert.deepEqual(
        result?.details.map((detail) => detail.startsWith(`a.yaml:7: ${anchor.subject} (`)),
        [true],
      );
    });
  }

  test('finding with a check of its own: findings checks leave it out', () => {
    for (const code of ['MT022', 'MT023', 'MT024', 'MT042'] as const) {
      const results = checkServer({ ...well, findings: found({ code }) }, context);
      assert.equal(
        results.every(({ verdict }) => verdict === 'ok'),
        true,
        code,
      );
    }
  });

  test('server does not answer: only one check', () => {
    for (const kind of ['unreachable', 'refused'] as const) {
      const results = checkServer({ kind, server: 's', reason: 'because' }, context);
      assert.deepEqual(results, [
        { check: 'server-answers', server: 's', verdict: 'failed', details: ['because'] },
      ]);
    }
  });
});

suite('a CA certificate that expires', () => {
  test('in 30 days and a second → no warning yet; a second later → a warning', () => {
    const facts = { ...well, meshes: [meshWith([-1, 30])] };
    const verdictAt = (now: number) =>
      checkServer(facts, { ...context, now }).find(({ check }) => check === 'authorities-last')?.verdict;
    assert.equal(verdictAt(context.now), 'ok');
    assert.equal(verdictAt(context.now + 1001), 'warning');
  });
});

suite('replicas', () => {
  const other = (meshes: readonly MeshDetail[]): ServerFacts => ({ ...well, server: 'http://two', meshes });
  test('same versions: agree; a mesh without trust counts as absent', () => {
    assert.deepEqual(checkReplicas([well]), []);
    const empty = { ...mesh, name: 'blue', denyAll: true };
    assert.deepEqual(
      checkReplicas([well, other([mesh, empty])]).map(({ verdict }) => verdict),
      ['ok'],
    );
  });

  test('different versions: reported by mesh and version', () => {
    const [differs] = checkReplicas([well, other([{ ...mesh, version: 'ffffffffffffffff' }])]);
    assert.equal(differs?.verdict, 'failed');
    assert.match(
      differs.details[0] ?? '',
      /^mesh default: .* at http:\/\/one, ffffffffffff at http:\/\/two$/,
    );
    const [lacks] = checkReplicas([well, other([])]);
    assert.match(lacks?.details[0] ?? '', /no trust at http:\/\/two$/);
  });
});
