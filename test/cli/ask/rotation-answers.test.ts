import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { askRotationFacts } from '../../../src/cli/ask/rotation-answers.ts';
import { startScripted } from '../scripted-server.ts';
import type { Answers } from '../scripted-server.ts';
import type { AnsweredFacts } from '../../../src/trust/rotation/facts.ts';

const served = { version: 'v2', servedAt: '2026-11-28T03:00:00.000Z' };
const rollout = {
  ...served,
  mesh: 'default',
  proxies: { connected: 1, reconnecting: 0, lost: 0, refused: 0, forgotten: 0 },
  unlisted: { proxies: 0 },
  complete: true,
  versions: [],
  asked: { version: 'v2', known: true, proxies: 1, lacking: 0 },
  lagging: [],
};
/** A proxy that left and has an earlier version. */
const left = (node: string, disconnectedAt = '2026-11-28T03:00:01.000Z'): object => ({
  node,
  address: `10.0.0.1:${node.length}`,
  state: 'disconnected',
  version: 'v1',
  servedVersion: 'v2',
  disconnectedAt,
});

const usual: Answers = {
  '/api/v1/server': { version: '1', readiness: { status: 'ready' }, sources: [] },
  '/rotations': { rotations: [] },
  '/rollout': rollout,
  '/meshes/default': { name: 'default', version: 'v2', trustDomains: [], findings: [], held: [] },
  '/proxies?reconnecting': { proxies: [], total: 0, complete: true },
  '/proxies?lost': { proxies: [], total: 0, complete: true },
  '/proxies?disconnected': { proxies: [], total: 0, complete: true },
};

/** Returns the facts that a command takes from these answers. */
async function factsOf(more: Answers): Promise<AnsweredFacts> {
  await using server = await startScripted({ ...usual, ...more });
  const { signal } = new AbortController();
  const [facts] = await askRotationFacts([server.access], 'default', 'a.test', signal);
  return facts?.kind === 'answered' ? facts : assert.fail(JSON.stringify(facts));
}

suite('what a command asks a server about a rotation', () => {
  test('every worker answers: the proxies are complete', async () => {
    assert.equal((await factsOf({})).proxies.complete, true);
  });

  for (const state of ['reconnecting', 'lost', 'disconnected'])
    test(`a worker is missing in the list of ${state} proxies: they are not complete`, async () => {
      const facts = await factsOf({
        [`/proxies?${state}`]: (round) => ({ proxies: [], total: 0, complete: round > 1 }),
      });
      assert.equal(facts.proxies.complete, false);
    });

  test('the version changes at each request: the server is not ready, and the reason says so', async () => {
    const { notReady } = await factsOf({ '/rollout': (round) => ({ ...rollout, version: `v${round}x` }) });
    assert.equal(notReady, 'the version of the mesh changed while it was asked');
    const unknown = await factsOf({ '/rollout': undefined, '/meshes/default': undefined });
    assert.equal(unknown.notReady, 'it does not know the mesh');
  });

  test('a proxy leaves while the server is asked: it counts, and each proxy counts once', async () => {
    const late = '2026-11-28T03:00:09.000Z';
    const { gone } = await factsOf({
      '/proxies?disconnected': (round) => ({
        proxies: round === 1 ? [left('one')] : [left('one', late), left('other')],
        total: round,
        complete: true,
      }),
    });
    assert.deepEqual(
      gone.map(({ node, goneAt }) => [node, goneAt]),
      [
        ['one', Date.parse(late)],
        ['other', Date.parse('2026-11-28T03:00:01.000Z')],
      ],
    );
  });

  test('proxies without a node id at one address left: each version among them counts', async () => {
    const nameless = { ...left(''), address: 'unix:/run/meshtrust.sock' };
    const { gone } = await factsOf({
      '/proxies?disconnected': () => ({
        proxies: [nameless, { ...nameless, version: 'v2' }],
        total: 2,
        complete: true,
      }),
    });
    assert.deepEqual(
      gone.map(({ hasServed }) => hasServed),
      [false, true],
    );
  });

  test('a proxy returns while the server is asked: it still counts as one that was away', async () => {
    const { gone } = await factsOf({
      '/proxies?disconnected': (round) => ({
        proxies: round === 1 ? [left('one')] : [],
        total: 2 - round,
        complete: true,
      }),
    });
    assert.deepEqual(
      gone.map(({ node }) => node),
      ['one'],
    );
  });
});
