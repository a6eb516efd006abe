import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';
import { rolloutSentence } from '../../src/page/rollout-sentence.ts';

type Proxies = RolloutDetail['proxies'];

const none: Proxies = {
  connected: 0,
  synced: 0,
  pending: 0,
  stale: 0,
  refused: 0,
  reconnecting: 0,
  lost: 0,
  forgotten: 0,
};

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
      const rollout = { proxies: { ...none, ...proxies }, complete: true, converged: false, ...over };
      assert.equal(rolloutSentence(rollout), says);
    });
  }
});
