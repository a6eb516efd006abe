import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { createSignatureChecker } from '../../../src/kubernetes/tokens/signing-keys.ts';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import { createTokenIssuer } from '../../kit/token-reviews.ts';

/** A checker whose API server answers when the test says so. */
async function setUp(t: TestContext) {
  const server = await startFakeApiServer(t);
  const client = createApiClient(() => server.config());
  const closing = new AbortController();
  t.after(() => {
    closing.abort();
    client.close();
  });
  let time = 0;
  const problems: (string | undefined)[] = [];
  let isRead = Promise.withResolvers<void>();
  const checker = createSignatureChecker({
    client,
    signal: closing.signal,
    clock: () => time,
    read: (problem) => {
      problems.push(problem);
      isRead.resolve();
    },
  });
  return {
    checker,
    problems,
    pass: (ms: number) => {
      time += ms;
    },
    /** Answers the next request for the keys, and waits until the answer is read. */
    answer: async (status: number, body: object) => {
      isRead = Promise.withResolvers();
      const asked = await server.asked();
      assert.equal(asked.path, '/openid/v1/jwks');
      asked.answer(status, body);
      await isRead.promise;
    },
  };
}

suite('signing keys of the API server', () => {
  test('start: reads the keys, and knows none before', async (t) => {
    const { checker, answer, problems } = await setUp(t);
    const issuer = createTokenIssuer();
    const token = issuer.issue({});
    assert.equal(checker.check(token), 'unknown');
    await answer(200, issuer.keys);
    assert.equal(checker.check(token), 'signed');
    assert.equal(checker.check(createTokenIssuer().issue({})), 'forged', 'another key of the same name');
    assert.deepEqual(problems, [undefined]);
  });

  test('keys that cannot be read: all signatures are unknown, and the keys are read again after 10 s', async (t) => {
    const { checker, answer, pass, problems } = await setUp(t);
    const issuer = createTokenIssuer();
    const token = issuer.issue({});
    await answer(403, { message: 'no' });
    assert.equal(checker.check(token), 'unknown');
    pass(10_000);
    assert.equal(checker.check(token), 'unknown');
    await answer(200, issuer.keys);
    assert.equal(checker.check(token), 'signed');
    assert.deepEqual(problems, ['403: no', undefined]);
  });

  test('later failure: the keys stay, and are replaced by the next ones', async (t) => {
    const { checker, answer, pass, problems } = await setUp(t);
    const [first, second] = [createTokenIssuer(), createTokenIssuer()];
    const [token, later] = [first.issue({}), second.issue({})];
    await answer(200, first.keys);
    pass(300_000);
    assert.equal(checker.check(token), 'signed');
    await answer(500, {});
    assert.equal(checker.check(token), 'signed');
    pass(10_000);
    assert.equal(checker.check(later), 'forged', 'it names a key that is another one now');
    await answer(200, second.keys);
    assert.deepEqual([checker.check(token), checker.check(later)], ['forged', 'signed']);
    assert.deepEqual(problems, [undefined, '500', undefined]);
  });

  test('answer without keys: is a problem', async (t) => {
    const { answer, problems } = await setUp(t);
    await answer(200, { keys: [] });
    assert.deepEqual(problems, ['/openid/v1/jwks has no usable key']);
  });
});
