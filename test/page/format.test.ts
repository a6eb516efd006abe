import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import {
  absolute,
  count,
  distance,
  duration,
  remaining,
  resourceText,
  rolloutSentence,
  syncText,
} from '../../src/page/format.ts';
import { noProxies } from './no-proxies.ts';

const [second, hour, day] = [1_000, 3_600_000, 86_400_000];

suite('durations in words', () => {
  const table: readonly (readonly [milliseconds: number, text: string])[] = [
    [0, '0 s'],
    [1_999, '1 s'],
    [59 * second, '59 s'],
    [60 * second, '1 min'],
    [hour - 1, '59 min'],
    [hour, '1 h'],
    [day, '1 d'],
    [700 * day, '700 d'],
    [800 * day, '2 y'],
  ];
  for (const [milliseconds, text] of table) test(text, () => assert.equal(duration(milliseconds), text));

  test('time before or after now: ago or in', () => {
    assert.deepEqual(
      [distance(5 * day, 0), distance(0, 5 * day), distance(7, 0)],
      ['in 5 d', '5 d ago', 'now'],
    );
  });
});

test('time of an event: with its zone, without milliseconds', () => {
  assert.equal(absolute('2026-11-28T14:03:22.123Z'), '2026-11-28 14:03:22 UTC');
});

test('resource that lists CAs: a MeshTrust by its name, others with their kind', () => {
  assert.deepEqual(
    [
      'a/kuma-system/payments',
      'meshidentity:a//identity@east',
      'superseded:a//identity@x.test@2026-11-28T20:01:22.805Z',
    ].map(resourceText),
    [
      'a/kuma-system/payments',
      'MeshIdentity a//identity',
      'MeshIdentity a//identity, before it was replaced',
    ],
  );
});

test('number with a noun: singular and plural', () => {
  assert.deepEqual(
    [count(1, 'proxy', 'proxies'), count(2_000, 'proxy', 'proxies'), count(0, 'error')],
    ['1 proxy', '2,000 proxies', '0 errors'],
  );
});

type Proxies = RolloutDetail['proxies'];

suite('sentence of the page about a roll-out', () => {
  const table: readonly (readonly [
    what: string,
    proxies: Partial<Proxies>,
    over: Partial<RolloutDetail>,
    says: string,
  ])[] = [
    ['no proxy', {}, { converged: true }, 'No proxy is connected.'],
    ['one in sync', { connected: 1, synced: 1 }, { converged: true }, '1 of 1 proxy in sync.'],
    ['all in sync', { connected: 2, synced: 2 }, { converged: true }, '2 of 2 proxies in sync.'],
    ['some pending', { connected: 2, synced: 1, pending: 1 }, {}, '1 of 2 proxies in sync.'],
    ['some reconnecting', { connected: 1, synced: 1, reconnecting: 2 }, {}, '1 of 3 proxies in sync.'],
    ['some lost', { connected: 1, synced: 1, lost: 2 }, {}, '1 of 3 proxies in sync, 2 lost.'],
    [
      'some lost that the server does not name',
      { connected: 1, synced: 1, lost: 2, forgotten: 3 },
      {},
      '1 of 6 proxies in sync, 5 lost.',
    ],
    ['only lost that the server does not name', { forgotten: 3 }, {}, '0 of 3 proxies in sync, 3 lost.'],
    [
      'a worker that does not answer',
      { connected: 2, synced: 2 },
      { complete: false },
      '2 of at least 2 proxies in sync: a worker does not answer.',
    ],
  ];
  for (const [what, proxies, over, says] of table) {
    test(what, () => {
      const rollout = { proxies: { ...noProxies, ...proxies }, complete: true, converged: false, ...over };
      assert.equal(rolloutSentence(rollout), says);
    });
  }
});

test('proxies of all meshes: are summed, and those that the server does not name are counted once', () => {
  const rollout = (proxies: Partial<Proxies>) => ({ proxies: { ...noProxies, ...proxies } });
  assert.deepEqual(
    [
      syncText([]),
      syncText([rollout({})]),
      syncText([
        rollout({ connected: 3, synced: 2, pending: 1 }),
        rollout({ connected: 1, synced: 1, lost: 2 }),
      ]),
      syncText([rollout({ connected: 1, synced: 1, forgotten: 4 }), rollout({ forgotten: 4 })]),
    ],
    [undefined, 'no proxy is connected', '3 of 6 proxies in sync', '1 of 5 proxies in sync'],
  );
});

for (const [seconds, text] of [
  [0, '0 s'],
  [45, '45 s'],
  [60, '1 min 0 s'],
  [1774, '29 min 34 s'],
  [4320, '1 h 12 min'],
] as const)
  test(`${seconds} seconds that are counted down: ${text}`, () => assert.equal(remaining(seconds), text));
