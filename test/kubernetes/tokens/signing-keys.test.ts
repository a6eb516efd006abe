import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { createSignatureChecker } from '../../../src/kubernetes/tokens/signing-keys.ts';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import { createTokenIssuer } from '../../kit/token-reviews.ts';

/** A checker whose API server answers when the test says so. */
async function setUp(t: TestContext, otherIssuer?: string) {
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
  let isReportFailing = false;
  const checker = createSignatureChecker({
    client,
    signal: closing.signal,
    clock: () => time,
    otherIssuer,
    read: (problem) => {
      problems.push(problem);
      isRead.resolve();
      if (!isReportFailing) return;
      isReportFailing = false;
      throw new Error('cannot be reported');
    },
  });
  return {
    checker,
    /** Makes the next report of a read throw. */
    failReport: () => void (isReportFailing = true),
    problems,
    requests: () => server.requests(),
    pass: (ms: number) => {
      time += ms;
    },
    /** Answers the next request for the keys, and waits until the answer is read. */
    answer: async (status: number, body: object) => {
      isRead = Promise.withResolvers();
      const asked = await server.asked();
      assert.equal(asked.path, '/openid/v1/jwks');
      assert.equal(asked.cacheControl, 'no-cache', 'no cache on the way keeps new keys back');
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

  test('keys that cannot be read: all signatures are unknown, and the keys are read again after 2 s', async (t) => {
    const { checker, answer, pass, problems } = await setUp(t);
    const issuer = createTokenIssuer();
    const token = issuer.issue({});
    await answer(403, { message: 'no' });
    assert.equal(checker.check(token), 'unknown');
    pass(2_000);
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

  test('key that was rotated a moment ago: is known once the keys were read again', async (t) => {
    const { checker, answer, pass } = await setUp(t);
    const [first, second] = [createTokenIssuer('first'), createTokenIssuer('second')];
    await answer(200, first.keys);
    pass(2_000);
    const token = second.issue({});
    assert.equal(checker.check(token), 'unlisted');
    const read = checker.readAgain();
    assert.equal(checker.readAgain(), read, 'all tokens share the read');
    await answer(200, { keys: [...first.keys.keys, ...second.keys.keys] });
    await read;
    assert.equal(checker.check(token), 'signed');
    assert.equal(checker.check(createTokenIssuer('invented').issue({})), 'unlisted');
  });

  test('first token of a new key after a quiet time: the keys are read once, at once', async (t) => {
    const { checker, answer, pass, requests } = await setUp(t);
    const [first, second] = [createTokenIssuer('first'), createTokenIssuer('second')];
    await answer(200, first.keys);
    pass(600_000);
    const token = second.issue({});
    assert.equal(checker.check(token), 'unlisted');
    const read = checker.readAgain();
    await answer(200, second.keys);
    // The clock of the test stands still, so a second read would have to wait.
    await read;
    assert.equal(checker.check(token), 'signed');
    assert.equal(requests(), 2);
  });

  test('key that was rotated while the keys are read: another read follows', async (t) => {
    const { checker, answer, pass, requests } = await setUp(t);
    const [first, second] = [createTokenIssuer('first'), createTokenIssuer('second')];
    const read = checker.readAgain();
    pass(2_000);
    await answer(200, first.keys);
    await answer(200, second.keys);
    await read;
    assert.equal(checker.check(second.issue({})), 'signed');
    assert.equal(requests(), 2);
  });

  test('keys that are about to be read again: a token that is due for a read begins no other one', async (t) => {
    const { checker, answer, pass, requests } = await setUp(t);
    const [first, second] = [createTokenIssuer('first'), createTokenIssuer('second')];
    await answer(200, first.keys);
    // The next read may begin in 20 ms.
    pass(1_980);
    const read = checker.readAgain();
    pass(300_000);
    assert.equal(checker.check(first.issue({})), 'signed');
    await answer(200, second.keys);
    await read;
    assert.equal(checker.check(second.issue({})), 'signed');
    assert.equal(requests(), 2, 'two reads at once could end in the other order');
  });

  test('report of a read that throws: the keys are read again later', async (t) => {
    const { checker, answer, pass, failReport } = await setUp(t);
    const issuer = createTokenIssuer();
    failReport();
    await answer(200, issuer.keys);
    pass(2_000);
    const read = checker.readAgain();
    await answer(200, issuer.keys);
    await read;
    assert.equal(checker.check(issuer.issue({})), 'signed');
  });

  test('unlisted key, and the keys cannot be read again: its signature is unknown, and that of a known key is not', async (t) => {
    const { checker, answer, pass } = await setUp(t);
    const issuer = createTokenIssuer();
    await answer(200, issuer.keys);
    pass(2_000);
    const [read, token] = [checker.readAgain(), createTokenIssuer('invented').issue({})];
    await answer(500, {});
    await read;
    assert.deepEqual([checker.check(token), checker.check(issuer.issue({}))], ['unknown', 'signed']);
  });

  test('token of another issuer that the API server accepts: only the API server can tell', async (t) => {
    const { checker, answer } = await setUp(t, 'https://other.test');
    await answer(200, createTokenIssuer().keys);
    const other = createTokenIssuer('other');
    assert.equal(checker.check(other.issue({ iss: 'https://other.test' })), 'unknown');
    assert.equal(checker.check(other.issue({ iss: 'https://others.test' })), 'unlisted');
    assert.equal(checker.check(other.issue({})), 'unlisted');
  });

  test('reads for unlisted keys: begin at most once in 2 s', async (t) => {
    const { checker, answer, requests } = await setUp(t);
    await answer(200, createTokenIssuer().keys);
    const startedAt = performance.now();
    const read = checker.readAgain();
    await answer(200, createTokenIssuer().keys);
    await read;
    assert.ok(performance.now() - startedAt > 1_900, 'the clock of the test stands still');
    assert.equal(requests(), 2);
  });

  test('answer without keys: is a problem', async (t) => {
    const { answer, problems } = await setUp(t);
    await answer(200, { keys: [] });
    assert.deepEqual(problems, ['/openid/v1/jwks has no usable key']);
  });
});
