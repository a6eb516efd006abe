import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createTokenReviewer } from '../../../src/kubernetes/tokens/reviewer.ts';
import type { ReviewLimits } from '../../../src/kubernetes/tokens/reviewer.ts';
import type { ReviewResult } from '../../../src/kubernetes/tokens/token-review.ts';

const accepted: ReviewResult = {
  kind: 'accepted',
  account: { kind: 'service-account', namespace: 'edge', name: 'envoy', pod: undefined },
};
const refused: ReviewResult = { kind: 'refused', reason: 'token', message: 'no' };
const unavailable: ReviewResult = { kind: 'unavailable', reason: 'away' };

/** A reviewer whose API server answers when the test says so. */
function scene(limits: Partial<ReviewLimits> = {}) {
  let time = 0;
  const sent: { readonly token: string; readonly answer: (result: ReviewResult) => void }[] = [];
  const reviewer = createTokenReviewer({
    send: (token) => {
      const { promise, resolve } = Promise.withResolvers<ReviewResult>();
      sent.push({ token, answer: resolve });
      return promise;
    },
    audience: 'meshtrust',
    cacheMs: 60_000,
    now: () => time,
    reviewed: () => undefined,
    limits,
  });
  return {
    sent,
    review: (token: string, address = '10.0.0.1', expiresAt?: number) =>
      reviewer.review(token, address, expiresAt),
    pass: (ms: number) => {
      time += ms;
    },
    /** Reviews a token with this answer. */
    settle: async (token: string, result: ReviewResult, expiresAt?: number) => {
      const review = reviewer.review(token, '10.0.0.1', expiresAt);
      sent.at(-1)?.answer(result);
      assert.deepEqual(await review, result);
    },
  };
}

suite('reviews of tokens', () => {
  test('10,000 streams with one token: one request', async () => {
    const { sent, review } = scene();
    const reviews = Array.from({ length: 10_000 }, async () => review('t'));
    assert.equal(sent.length, 1);
    sent[0]?.answer(accepted);
    assert.deepEqual(new Set(await Promise.all(reviews)), new Set([accepted]));
    assert.deepEqual(review('t'), accepted);
    assert.equal(sent.length, 1);
  });

  test('accepted token: is reviewed again after the time of the cache', async () => {
    const { sent, review, pass, settle } = scene();
    await settle('t', accepted);
    pass(59_999);
    assert.deepEqual(review('t'), accepted);
    pass(1);
    void review('t');
    assert.equal(sent.length, 2);
  });

  test('accepted token that expires: is not remembered longer', async () => {
    const { sent, review, pass, settle } = scene();
    await settle('t', accepted, 10_000);
    pass(9_999);
    assert.deepEqual(review('t'), accepted);
    pass(1);
    void review('t');
    assert.equal(sent.length, 2);
  });

  test('refused token: is reviewed again after 2 s', async () => {
    const { sent, review, pass, settle } = scene();
    await settle('t', refused);
    pass(1_999);
    assert.deepEqual(review('t'), refused);
    pass(1);
    await settle('t', accepted);
    assert.equal(sent.length, 2);
  });

  test('API server away: every stream asks again', async () => {
    const { sent, settle } = scene();
    await settle('t', unavailable);
    await settle('t', unavailable);
    await settle('t', accepted);
    assert.equal(sent.length, 3);
  });

  test('10,000 refused tokens: evict no accepted one', async () => {
    const { review, sent, settle } = scene();
    await settle('good', accepted);
    for (let index = 0; index < 10_500; index += 1) await settle(`bad-${index}`, refused);
    const before = sent.length;
    assert.deepEqual(review('good'), accepted);
    assert.equal(sent.length, before);
  });

  test('many tokens: 16 requests at once, and clients take turns', async () => {
    const { sent, review } = scene();
    for (let index = 0; index < 100; index += 1) void review(`flood-${index}`, '10.0.0.66');
    assert.equal(sent.length, 16);
    const honest = review('honest', '10.0.0.7');
    sent[0]?.answer(refused);
    sent[1]?.answer(refused);
    await new Promise(setImmediate);
    assert.equal(sent.length, 18);
    const own = sent.slice(16).find(({ token }) => token === 'honest');
    own?.answer(accepted);
    assert.deepEqual(await honest, accepted, 'it waited for one request of the flood at most');
  });

  test('token that waits for too long: is unavailable, and costs no request', async () => {
    const { sent, review } = scene({ atOnce: 1, withinMs: 20 });
    void review('first');
    assert.equal((await review('second')).kind, 'unavailable');
    sent[0]?.answer(accepted);
    await new Promise(setImmediate);
    assert.deepEqual(
      sent.map(({ token }) => token),
      ['first'],
    );
  });

  test('more waiting tokens than the limit: are unavailable at once', async () => {
    const { review } = scene({ atOnce: 1, waiting: 1 });
    void review('first');
    void review('second');
    assert.equal((await review('third')).kind, 'unavailable');
  });
});
