import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { anonymousNode } from '../../../src/xds/core/request.ts';
import { unknownPeer } from '../../../src/xds/core/peer.ts';
import { decide } from '../../../src/xds/server/authorize.ts';
import type { Authorize, Outcome } from '../../../src/xds/server/authorize.ts';

/** Returns the outcome of an `authorize` that may break its type. */
async function outcomeOf(authorize: () => unknown): Promise<Outcome> {
  // In an array: a promise would await an outcome that is a promise itself.
  const { promise, resolve } = Promise.withResolvers<readonly [Outcome]>();
  decide(authorize as Authorize, unknownPeer, anonymousNode, (outcome) => resolve([outcome]));
  return (await promise)[0];
}

const allowed = { kind: 'allowed', group: 'a' } as const;
const refused = { kind: 'refused', code: 'UNAUTHENTICATED', reason: 'r', message: 'm' } as const;

suite('decision of authorize', () => {
  for (const decision of [allowed, refused])
    test(`${decision.kind}, at once or later: is the outcome`, async () => {
      assert.deepEqual(await outcomeOf(() => decision), decision);
      assert.deepEqual(await outcomeOf(() => Promise.resolve(decision)), decision);
    });

  test('promise of another library: is awaited', async () => {
    const thenable = (value: unknown): unknown => ({
      // oxlint-disable-next-line unicorn/no-thenable -- a promise that is no `Promise`
      then: (resolve: (value: unknown) => void) => setImmediate(resolve, value),
    });
    assert.deepEqual(await outcomeOf(() => thenable(refused)), refused);
    assert.deepEqual(await outcomeOf(() => thenable(allowed)), allowed);
  });

  for (const [what, value] of [
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['true', true],
    ['a text', 'allowed'],
    ['an object without a kind', { group: 'a' }],
    ['an object with another kind', { kind: 'denied' }],
  ] as const)
    test(`${what} in place of a decision: is a failure, and allows nothing`, async () => {
      assert.equal((await outcomeOf(() => value)).kind, 'failed');
      assert.equal((await outcomeOf(() => Promise.resolve(value))).kind, 'failed');
    });

  test('error, at once or later: is a failure', async () => {
    const error = new Error('broken');
    const failed = { kind: 'failed', error };
    assert.deepEqual(
      await outcomeOf(() => {
        throw error;
      }),
      failed,
    );
    assert.deepEqual(await outcomeOf(() => Promise.reject(error)), failed);
  });
});
