import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FindingDetail, FindingList, MeshSummary, ReadyAnswer } from '../../src/api/api-types.ts';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { errorCount, problemsOf, worstFirst } from '../../src/page/problems.ts';
import type { ProblemInput } from '../../src/page/problems.ts';
import { noProxies } from './no-proxies.ts';

const none = { error: 0, warning: 0, info: 0 };
const at = '2026-11-23T12:00:00.000Z';

const mesh = (name: string, over: Partial<MeshSummary> = {}): MeshSummary => ({
  name,
  version: 'v',
  denyAll: false,
  proxies: 0,
  trustDomains: 1,
  anchors: 1,
  findings: none,
  ...over,
});

const rollout = (
  name: string,
  proxies: Partial<RolloutDetail['proxies']>,
  over: Partial<RolloutDetail> = {},
): RolloutDetail => ({
  mesh: name,
  version: 'v',
  changedAt: at,
  servedAt: at,
  proxies: { ...noProxies, ...proxies },
  complete: true,
  converged: false,
  versions: [],
  asked: { version: 'v', known: true, proxies: 0, lacking: 0 },
  lagging: [],
  ...over,
});

const found = (over: Partial<FindingDetail>): FindingDetail => ({
  severity: 'error',
  code: 'MT010',
  name: 'not-a-certificate',
  message: 'is not a certificate',
  ...over,
});

const input = (over: Partial<ProblemInput>, ...findings: readonly FindingDetail[]): ProblemInput => ({
  meshes: [],
  findings: { counts: none, findings } satisfies FindingList,
  rollouts: new Map(),
  readiness: 'ready',
  ...over,
});

const rollouts = (...all: readonly RolloutDetail[]): ProblemInput['rollouts'] =>
  new Map(all.map((one) => [one.mesh, one]));

const texts = (given: ProblemInput): readonly string[] =>
  problemsOf(given).map(({ severity, where, what }) => `${severity} ${where}: ${what}`);

suite('problems of the page', () => {
  test('everything in order: none', () =>
    assert.deepEqual(
      texts(input({ meshes: [mesh('a')], rollouts: rollouts(rollout('a', { connected: 2, synced: 2 })) })),
      [],
    ));

  test('server that is not ready: the reason of the last response, if it is about the same state', () => {
    const doubtful = { status: 'doubtful', reason: 'no MeshTrust', findings: [], secondsLeft: 9 } as const;
    const answers: readonly (readonly [ReadyAnswer['status'], ReadyAnswer])[] = [
      ['doubtful', doubtful],
      ['draining', doubtful],
      ['waiting', { status: 'waiting', missing: ['files', 'kubernetes'] }],
      ['ready', doubtful],
    ];
    assert.deepEqual(
      answers.map(([readiness, answer]) => texts(input({ readiness, answer }))),
      [
        ['error server: The server doubts what it has read; it answers no new proxy: no MeshTrust'],
        ['error server: The server is shutting down'],
        [
          'error server: The server waits for the first complete read of its sources; it answers no new proxy: files; kubernetes',
        ],
        [],
      ],
    );
  });

  test('mesh that trusts no CA: one problem, since the change, although there is a finding about it too', () => {
    const [problem, ...others] = problemsOf(
      input(
        {
          meshes: [mesh('a', { denyAll: true })],
          rollouts: rollouts(rollout('a', { connected: 2, synced: 2 })),
        },
        found({ code: 'MT034', mesh: 'a', message: 'mesh a has no CA in force' }),
      ),
    );
    assert.equal(problem?.what, 'No CA is trusted: 2 proxies refuse every client');
    assert.deepEqual([problem?.since, problem?.link, others], [at, '#/mesh/a', []]);
  });

  test('proxies of meshes that no MeshTrust lists: a problem for each mesh', () =>
    assert.deepEqual(
      texts(
        input({
          unlisted: [
            { name: 'typo', proxies: 200 },
            { name: 'other', proxies: 1 },
          ],
        }),
      ),
      [
        'error typo: 200 proxies refuse every client: no MeshTrust lists the mesh that they name',
        'error other: 1 proxy refuses every client: no MeshTrust lists the mesh that it names',
      ],
    ));

  test('order: what refuses clients, or will once a hold ends, comes before errors of files and before other warnings', () => {
    const all = problemsOf(
      input(
        { rollouts: rollouts(rollout('a', { stale: 1 })) },
        found({ code: 'MT002', file: 'b.yaml' }),
        found({ severity: 'warning', code: 'MT020', mesh: 'a', fingerprint: 'f' }),
        found({ severity: 'warning', code: 'MT018', mesh: 'a', fingerprint: 'g' }),
        found({ code: 'MT022', mesh: 'a', fingerprint: 'h' }),
        found({ code: 'MT042', mesh: 'a', trustDomain: 'a.test' }),
      ),
    );
    assert.deepEqual(
      all.map(({ code }) => code),
      [undefined, 'MT022', 'MT042', 'MT002', 'MT018', 'MT020'],
    );
  });

  test('proxies that left while behind, that reject, that are stale: a problem for each state, which leads to them', () => {
    const given = input({
      rollouts: rollouts(
        rollout(
          'a',
          { connected: 3, synced: 0, stale: 2, refused: 1, lost: 1, forgotten: 1 },
          { lagging: [{ node: 'edge-1', address: '', state: 'refused' }] },
        ),
      ),
    });
    assert.deepEqual(texts(given), [
      'error a: 2 proxies left while behind, and may still run with earlier CAs',
      'error a: Proxy edge-1 rejects its secrets',
      'error a: 2 proxies behind for more than 30 s',
    ]);
    assert.deepEqual(
      problemsOf(given).map(({ link }) => link),
      ['#/mesh/a?state=lost', '#/proxy/a/edge-1', '#/mesh/a?state=stale'],
    );
  });

  test('proxies that are pending or reconnecting: no problem yet', () =>
    assert.deepEqual(
      texts(input({ rollouts: rollouts(rollout('a', { connected: 2, pending: 2, reconnecting: 1 })) })),
      [],
    ));

  test('time of a problem with proxies: that of the proxy that is behind for longest', () => {
    const lagging = ['2026-11-23T12:00:09.000Z', '2026-11-23T12:00:03.000Z'].map((behindSince) => ({
      node: 'n',
      address: '',
      state: 'stale' as const,
      behindSince,
    }));
    const [problem] = problemsOf(input({ rollouts: rollouts(rollout('a', { stale: 2 }, { lagging })) }));
    assert.equal(problem?.since, '2026-11-23T12:00:03.000Z');
  });

  test('findings: one problem for each code and mesh, errors first, with the earliest time; info is none', () => {
    const all = problemsOf(
      input(
        {},
        found({ severity: 'info', code: 'MT025', mesh: 'a' }),
        found({
          severity: 'warning',
          code: 'MT023',
          mesh: 'a',
          fingerprint: 'f',
          message: 'CA CN=A expires',
        }),
        found({ mesh: 'a', file: 'a.yaml', since: '2026-11-23T12:00:02Z' }),
        found({ resource: 'a//x', file: 'a.yaml', since: '2026-11-23T12:00:01Z' }),
        found({ code: 'MT002', file: 'b.yaml', message: 'the YAML cannot be read' }),
      ),
    );
    assert.deepEqual(
      all.map(({ severity, where, what, since }) => [severity, where, what, since]),
      [
        ['error', 'a', 'a.yaml: is not a certificate, and 1 more like it', '2026-11-23T12:00:01Z'],
        ['error', 'b.yaml', 'the YAML cannot be read', undefined],
        ['warning', 'a', 'CA CN=A expires', undefined],
      ],
    );
    assert.equal(errorCount(all), 2);
    assert.equal(all[1]?.link, '#/findings');
  });

  for (const readiness of ['waiting', 'doubtful', 'draining'] as const) {
    test(`server is ${readiness}: a problem`, () =>
      assert.equal(errorCount(problemsOf(input({ readiness }))), 1));
  }

  test('worker that does not answer: a problem', () =>
    assert.match(
      texts(input({ rollouts: rollouts(rollout('a', {}, { complete: false })) })).join(),
      /A worker does not answer/,
    ));
});

test('meshes: the worst first, then the one whose CA expires first, then by name', () => {
  const meshes = [
    mesh('b'),
    mesh('a'),
    mesh('later', { earliestExpiry: '2030-01-01T00:00:00Z' }),
    mesh('soon', { earliestExpiry: '2027-01-01T00:00:00Z' }),
    mesh('warned'),
    mesh('broken'),
    mesh('closed', { denyAll: true }),
  ];
  const problems = problemsOf(
    input({ meshes }, found({ mesh: 'broken' }), found({ mesh: 'warned', severity: 'warning' })),
  );
  assert.deepEqual(
    worstFirst(
      meshes.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      problems,
    ).map(({ name }) => name),
    ['closed', 'broken', 'warned', 'soon', 'later', 'a', 'b'],
  );
});
