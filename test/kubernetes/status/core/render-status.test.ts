import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { finding } from '../../../../src/trust/findings/finding.ts';
import type { ObjectFacts } from '../../../../src/kubernetes/status/core/facts.ts';
import { observedStatus } from '../../../../src/kubernetes/status/core/observed-status.ts';
import { renderStatus } from '../../../../src/kubernetes/status/core/render-status.ts';
import {
  conditionOf,
  isProgress,
  isSameStatus,
  progressPauseMs,
} from '../../../../src/kubernetes/status/core/status.ts';
import type { ObjectStatus, ProxyCounts } from '../../../../src/kubernetes/status/core/status.ts';

const now = Date.UTC(2026, 10, 23);
const none = observedStatus(undefined);
const all: ProxyCounts = { connected: 5, acked: 5, lost: 0, complete: true };
const well: ObjectFacts = {
  mesh: 'default',
  meshVersion: 'm1',
  version: 'v1',
  findings: [],
  obstacles: [],
  expiry: [],
  authorities: 2,
  expires: Date.UTC(2030, 0, 1),
};
const block = { path: 'spec.caBundles[0].pem.value', block: 2, file: 'kubernetes:ns/a', line: 1 };
const malformed = finding('MT013', 'is not PEM', block);
const kept = finding('MT040', 'the last good version of this resource is served', {
  file: 'kubernetes:ns/a',
});
const rerooted = finding('MT020', 'is an intermediate', { fingerprint: 'ab'.repeat(32) });
const expired = finding('MT022', 'expired on 2026-11-01', { fingerprint: 'ab'.repeat(32) }, 'error');
const duplicate = finding('MT025', 'is listed twice', { fingerprint: 'ab'.repeat(32) });

function render(facts: Partial<ObjectFacts>, counts = all, observed = none, at = now): ObjectStatus {
  return renderStatus({ generation: 7, facts: { ...well, ...facts }, counts, observed, now: at });
}

function says(status: ObjectStatus, type: 'Accepted' | 'Programmed' | 'Expiring'): readonly unknown[] {
  const condition = conditionOf(status, type);
  return [condition?.status, condition?.reason, condition?.message];
}

suite('Accepted', () => {
  const nothing = { mesh: undefined, version: undefined, authorities: 0, expires: undefined };
  const table: readonly (readonly [string, Partial<ObjectFacts>, readonly unknown[]])[] = [
    ['no findings', {}, ['True', 'Accepted', 'the object is accepted and has no findings']],
    [
      'finding of severity info',
      { findings: [duplicate] },
      ['True', 'Accepted', 'certificate abababababababab: MT025 is listed twice'],
    ],
    [
      'warning',
      { findings: [rerooted, duplicate] },
      [
        'True',
        'AcceptedWithWarnings',
        'certificate abababababababab: MT020 is an intermediate; certificate abababababababab: MT025 is listed twice',
      ],
    ],
    [
      'rejected block',
      { findings: [malformed, rerooted] },
      [
        'False',
        'PartlyRefused',
        'spec.caBundles[0].pem.value block 2: MT013 is not PEM; certificate abababababababab: MT020 is an intermediate',
      ],
    ],
    [
      'CA that is not valid yet, without a valid one',
      { findings: [finding('MT024', 'is not valid before 2030-01-01', { mesh: 'default' }, 'error')] },
      ['True', 'NoValidCA', 'MT024 is not valid before 2030-01-01'],
    ],
    [
      'expired CA, without a valid one',
      { expiry: [expired], findings: [duplicate] },
      [
        'True',
        'NoValidCA',
        'certificate abababababababab: MT022 expired on 2026-11-01; certificate abababababababab: MT025 is listed twice',
      ],
    ],
    [
      'expired CA beside a valid one',
      { expiry: [finding('MT022', 'expired on 2026-11-01', {})] },
      ['True', 'Accepted', 'the object is accepted and has no findings'],
    ],
    [
      'CA that is not valid yet beside a valid one',
      { findings: [finding('MT024', 'is not valid before 2030-01-01', {})] },
      ['True', 'AcceptedWithWarnings', 'MT024 is not valid before 2030-01-01'],
    ],
    [
      'rejected block, without a valid CA',
      { findings: [malformed], expiry: [expired] },
      [
        'False',
        'PartlyRefused',
        'spec.caBundles[0].pem.value block 2: MT013 is not PEM; certificate abababababababab: MT022 expired on 2026-11-01',
      ],
    ],
    [
      'last good version in force',
      { findings: [malformed, kept] },
      [
        'False',
        'StaleKept',
        'spec.caBundles[0].pem.value block 2: MT013 is not PEM; MT040 the last good version of this resource is served',
      ],
    ],
    [
      'nothing of the object in force',
      { ...nothing, findings: [malformed] },
      ['False', 'Refused', 'spec.caBundles[0].pem.value block 2: MT013 is not PEM'],
    ],
  ];
  for (const [what, facts, expected] of table)
    test(`${what}: ${expected.slice(0, 2).join(', ')}`, () =>
      assert.deepEqual(says(render(facts), 'Accepted'), expected));

  test('many findings: those that do not fit are counted', () => {
    const findings = Array.from({ length: 1000 }, (_, block) =>
      finding('MT013', 'is not PEM', { path: 'spec', block }),
    );
    const { message } = conditionOf(render({ findings }), 'Accepted')!;
    assert.ok(message.length <= 4096);
    const listed = message.split('; ').length - 1;
    assert.match(message, new RegExp(`; and ${1000 - listed} more$`));
  });
});

suite('Programmed', () => {
  const pending: ProxyCounts = { connected: 5, acked: 3, lost: 0, complete: true };
  const unknown: ProxyCounts = { connected: 5, acked: 5, lost: 0, complete: false };
  const empty: ProxyCounts = { connected: 0, acked: 0, lost: 0, complete: true };
  const left = finding('MT032', 'is left out');
  const table: readonly (readonly [string, Partial<ObjectFacts>, ProxyCounts, readonly unknown[]])[] = [
    [
      'all proxies have acknowledged',
      {},
      all,
      ['True', 'Programmed', 'version v1 is served; 5 of 5 connected proxies have acknowledged it'],
    ],
    [
      'some proxies have acknowledged',
      {},
      pending,
      ['False', 'Pending', 'version v1 is served; 3 of 5 connected proxies have acknowledged it'],
    ],
    [
      'no proxies',
      {},
      empty,
      ['Unknown', 'NoProxies', 'version v1 is served; no proxy of this mesh is connected'],
    ],
    [
      'counts of a replica are unknown',
      {},
      unknown,
      [
        'Unknown',
        'CountsIncomplete',
        'version v1 is served; how many proxies have acknowledged it is unknown: not all replicas have reported',
      ],
    ],
    [
      'lost proxy, all others have acknowledged',
      {},
      { ...all, lost: 1 },
      [
        'Unknown',
        'ProxiesLost',
        'version v1 is served; 5 of 5 connected proxies have acknowledged it; 1 proxy disconnected before it acknowledged',
      ],
    ],
    [
      'lost proxies, some others have acknowledged',
      {},
      { ...pending, lost: 2 },
      [
        'False',
        'Pending',
        'version v1 is served; 3 of 5 connected proxies have acknowledged it; 2 proxies disconnected before they acknowledged',
      ],
    ],
    [
      'only lost proxies',
      {},
      { ...empty, lost: 1 },
      [
        'Unknown',
        'ProxiesLost',
        'version v1 is served; 0 of 0 connected proxies have acknowledged it; 1 proxy disconnected before it acknowledged',
      ],
    ],
    [
      'trust domain left out of the merged secret',
      { obstacles: [left] },
      all,
      ['False', 'LeftOut', 'MT032 is left out'],
    ],
    [
      'nothing of the object is served',
      { authorities: 0 },
      all,
      ['False', 'NotServed', 'no CA certificate of this object is served; see the condition Accepted'],
    ],
  ];
  for (const [what, facts, counts, expected] of table)
    test(`${what}: ${expected.slice(0, 2).join(', ')}`, () =>
      assert.deepEqual(says(render(facts, counts), 'Programmed'), expected));

  const later = (
    facts: Partial<ObjectFacts>,
    counts: ProxyCounts,
    before: ObjectStatus,
  ): readonly unknown[] => says(render(facts, counts, before, now + 60_000), 'Programmed').slice(0, 2);

  test('True: does not change with proxies or other trust domains', () => {
    const before = render({});
    for (const counts of [pending, empty, unknown, { connected: 9, acked: 9, lost: 0, complete: true }]) {
      const after = render({ meshVersion: 'm2' }, counts, before, now + 60_000);
      assert.ok(isSameStatus(after, before));
      assert.deepEqual(after, before);
    }
  });

  test('no proxies, even if an earlier release wrote True: changes when a proxy connects', () => {
    const before = render({}, empty);
    assert.deepEqual(later({}, pending, before), ['False', 'Pending']);
    assert.deepEqual(later({}, all, before), ['True', 'Programmed']);
    const conditions = before.conditions.map((one) =>
      one.type === 'Programmed' ? { ...one, status: 'True' as const } : one,
    );
    assert.deepEqual(later({}, empty, { ...before, conditions }), ['Unknown', 'NoProxies']);
  });

  test('new version of the trust domain: Programmed is decided again', () => {
    assert.deepEqual(later({ version: 'v2' }, pending, render({})), ['False', 'Pending']);
  });

  test('pending: a change of the counts is progress', () => {
    const before = render({}, pending);
    const after = render({}, { ...pending, acked: 4 }, before, now + 60_000);
    assert.match(conditionOf(after, 'Programmed')?.message ?? '', /; 4 of 5 connected proxies/);
    assert.ok(!isSameStatus(after, before));
    assert.ok(isProgress(before, after));
    assert.ok(!isProgress(before, render({}, all, before)));
    assert.ok(!isProgress(before, { ...after, authorities: 7 }));
    assert.deepEqual(later({}, all, before), ['True', 'Programmed']);
  });

  test('trust domain that is not served any more: False', () => {
    assert.deepEqual(later({ version: 'v2', authorities: 0 }, all, render({})), ['False', 'NotServed']);
    assert.deepEqual(later({ obstacles: [left] }, all, render({})), ['False', 'LeftOut']);
  });
});

suite('Expiring', () => {
  const fingerprint = 'cd'.repeat(32);
  const soon = (days: number, severity: 'error' | 'warning' | 'info') =>
    finding('MT023', `expires on 2026-12-01, within ${days} days`, { fingerprint }, severity);
  const over = finding('MT022', 'expired on 2026-11-01', { fingerprint });
  const text = `certificate cdcdcdcdcdcdcdcd: MT023 expires on 2026-12-01, within`;
  const table: readonly (readonly [string, Partial<ObjectFacts>, readonly unknown[]])[] = [
    [
      'expires in more than 90 days',
      {},
      ['False', 'Valid', 'no served CA certificate of this object expires within 30 days'],
    ],
    [
      'expires within 90 days',
      { expiry: [soon(90, 'info')] },
      ['False', 'Valid', 'no served CA certificate of this object expires within 30 days'],
    ],
    ['expires within 30 days', { expiry: [soon(30, 'warning')] }, ['True', 'ExpiresSoon', `${text} 30 days`]],
    ['expires within 7 days', { expiry: [soon(7, 'error')] }, ['True', 'ExpiresSoon', `${text} 7 days`]],
    [
      'expired',
      { expiry: [over, soon(90, 'info')] },
      ['True', 'Expired', 'certificate cdcdcdcdcdcdcdcd: MT022 expired on 2026-11-01'],
    ],
    [
      'nothing is served',
      { authorities: 0 },
      ['False', 'NothingServed', 'no CA certificate of this object is served'],
    ],
  ];
  for (const [what, facts, expected] of table)
    test(`${what}: ${expected.slice(0, 2).join(', ')}`, () =>
      assert.deepEqual(says(render(facts), 'Expiring'), expected));
});

suite('rendered status', () => {
  test('any object: contains the generation, and what is served of the object', () => {
    const { observedGeneration, authorities, expires, version, conditions } = render({});
    assert.deepEqual(
      [observedGeneration, authorities, expires, version],
      [7, 2, '2030-01-01T00:00:00Z', 'v1'],
    );
    assert.deepEqual(
      conditions.map((condition) => condition.observedGeneration),
      [7, 7, 7],
    );
  });

  test('condition with the same status: keeps its transition time', () => {
    const before = render({});
    const partly = render({ findings: [malformed] }, all, before, now + 60_000);
    assert.deepEqual(
      partly.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
      ['2026-11-23T00:01:00Z', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00Z'],
    );
  });

  test('written status: is parsed unchanged, in any order of conditions', () => {
    const written = render({});
    const stored = JSON.parse(JSON.stringify(written)) as { conditions: unknown[] };
    stored.conditions.reverse();
    assert.ok(isSameStatus(observedStatus({ ...stored, origin: { kri: 'x' } }), written));
  });

  test('unknown status: is parsed as an empty one', () => {
    const odd = [{}, { conditions: 7 }, { conditions: [7, {}, { type: 'Accepted', status: 'Maybe' }] }];
    for (const status of odd) assert.deepEqual(observedStatus(status).conditions, []);
  });
});

suite('pause between writes of the proxy counts', () => {
  for (const [count, pauseMs] of [
    [0, 10_000],
    [1, 20_000],
    [4, 160_000],
    [5, 300_000],
    [2_000, 300_000],
  ] as const)
    test(`after ${count} writes: ${pauseMs} ms`, () => {
      assert.equal(progressPauseMs(10_000, count), pauseMs);
    });
});

suite('expiresIn', () => {
  const [hour, day] = [3_600_000, 86_400_000];
  for (const [left, text] of [
    [-1000, 'expired'],
    [0, '0h'],
    [48 * hour - 1, '47h'],
    [2 * day, '2d'],
    [730 * day - 1, '729d'],
    [730 * day, '2y'],
    [3650 * day, '10y'],
  ] as const)
    test(`${left} ms left → ${text}`, () => {
      assert.equal(render({ expires: now + left }).expiresIn, text);
    });

  test('a new text, and a field that the CRD dropped: only the text is a difference', () => {
    const expires = now + 30 * day;
    const before = render({ expires });
    const after = render({ expires }, all, before, now + day);
    assert.deepEqual([before.expiresIn, after.expiresIn], ['30d', '29d']);
    assert.ok(!isSameStatus(before, after));
    assert.ok(isSameStatus({ ...before, expiresIn: undefined }, after));
  });
});
