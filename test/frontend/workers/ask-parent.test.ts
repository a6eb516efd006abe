import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClientClaim, DecideAccess } from '../../../src/access/claim.ts';
import { answerWorker, askParent } from '../../../src/frontend/workers/ask-parent.ts';

const claim: ClientClaim = {
  address: '127.0.0.1:1',
  certificate: undefined,
  authorization: undefined,
  nodeId: 'a',
  mesh: 'default',
};

/** Asks a parent that decides so. */
async function ask(decide: DecideAccess): Promise<unknown> {
  const worker = askParent((message) => {
    assert.ok(message.kind === 'decide');
    void answerWorker(message, decide).then((answer) => worker.decided(answer));
  });
  return worker.decide(claim);
}

suite('decision of the parent about a client of a worker', () => {
  test('decision: is that of the parent', async () => {
    const allowed = { kind: 'allowed', identity: 'a' } as const;
    assert.deepEqual(await ask(() => allowed), allowed);
    assert.deepEqual(await ask(() => Promise.resolve(allowed)), allowed);
  });

  for (const [what, decide] of [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ] as const)
    test(`parent that ${what}: the worker has no decision, and the parent lives`, async () => {
      const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
      await assert.rejects(ask(decide), /could not decide/);
      assert.match((await warning).message, /a client could not be judged: Error: broken/);
    });
});
