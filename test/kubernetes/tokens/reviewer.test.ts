import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createTokenReviewer } from '../../../src/kubernetes/tokens/reviewer.ts';
import type { ReviewLimits } from '../../../src/kubernetes/tokens/reviewer.ts';
import type { SignatureVerdict } from '../../../src/access/token-signature.ts';
import type { ReviewResult } from '../../../src/access/review.ts';

const accepted: ReviewResult = {
  kind: 'accepted',
  account: { kind: 'service-account', namespace: 'edge', name: 'envoy', pod: undefined },
};
const refused: ReviewResult = { kind: 'refused', reason: 'token', message: 'no' };
const unavailable: ReviewResult = { kind: 'unavailable', reason: 'away' };

/** Limits that no test reaches. */
const roomy = {
  tokens: 10_000,
  tokensOfAddress: 10_000,
  characters: 10_000_000,
  charactersOfAddress: 10_000_000,
};

/** A reviewer whose API server answers when the test says so. */
function scene(limits: Partial<ReviewLimits> = {}) {
  let time = 0;
  let verdict: SignatureVerdict = 'unlisted';
  const keyReads: PromiseWithResolvers<void>[] = [];
  const sent: { readonly token: string; readonly answer: (result: ReviewResult) => void }[] = [];
  const reviewer = createTokenReviewer({
    send: (token) => {
      const { promise, resolve } = Promise.withResolvers<ReviewResult>();
      sent.push({ token, answer: resolve });
      return promise;
    },
    // The name of a token says who has signed it.
    signatures: {
      check: (token) => {
        if (token.startsWith('unlisted')) return verdict;
        if (token.startsWith('forged')) return 'forged';
        return token.startsWith('signed') ? 'signed' : 'unknown';
      },
      readAgain: () => {
        keyReads.push(Promise.withResolvers<void>());
        return keyReads.at(-1)?.promise ?? Promise.resolve();
      },
    },
    audience: 'meshtrust',
    cacheMs: 60_000,
    now: () => time,
    reviewed: () => undefined,
    limits,
  });
  return {
    sent,
    keyReads,
    /** Answers all reads of the keys. Unlisted tokens have this verdict then. */
    keysAre: async (next: SignatureVerdict) => {
      verdict = next;
      for (const { resolve } of keyReads.splice(0)) resolve();
      await new Promise(setImmediate);
    },
    close: () => reviewer.close(),
    review: (token: string, address = '10.0.0.1', connection = `${address}:1`) =>
      reviewer.review(token, { address, connection }, undefined),
    pass: (ms: number) => {
      time += ms;
    },
    /** Reviews a token with this answer. */
    settle: async (token: string, result: ReviewResult, expiresAt?: number) => {
      const client = { address: '10.0.0.1', connection: '10.0.0.1:1' };
      const review = reviewer.review(token, client, expiresAt);
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
    const unlimited = { perSecond: 1, burst: 20_000 };
    const { review, sent, settle } = scene({ rate: unlimited, addressRate: unlimited });
    await settle('good', accepted);
    for (let index = 0; index < 10_500; index += 1) await settle(`bad-${index}`, refused);
    const before = sent.length;
    assert.deepEqual(review('good'), accepted);
    assert.equal(sent.length, before);
  });

  test('many tokens: 16 requests at once, and clients take turns', async () => {
    const { sent, review } = scene();
    for (let index = 0; index < 100; index += 1) void review(`signed-${index}`, '10.0.0.66');
    assert.equal(sent.length, 16);
    const honest = review('signed-honest', '10.0.0.7');
    sent[0]?.answer(refused);
    sent[1]?.answer(refused);
    await new Promise(setImmediate);
    assert.equal(sent.length, 18);
    const own = sent.slice(16).find(({ token }) => token === 'signed-honest');
    own?.answer(accepted);
    assert.deepEqual(await honest, accepted, 'it waited for one request of the flood at most');
  });

  test('forged token: is refused without a request', () => {
    const { sent, review } = scene();
    const result = review('forged');
    assert.ok(!(result instanceof Promise));
    assert.deepEqual([result.kind, sent.length], ['refused', 0]);
  });

  test('unlisted key: is refused without a request once the keys were read again', async () => {
    const { sent, review, keysAre } = scene();
    const reviews = Array.from({ length: 3 }, async (_, index) => review(`unlisted-${index}`));
    assert.equal(sent.length, 0);
    await keysAre('unlisted');
    for (const result of await Promise.all(reviews))
      assert.deepEqual([result.kind, 'reason' in result && result.reason], ['refused', 'token']);
    assert.equal(sent.length, 0);
  });

  test('unlisted key that is new: the token is reviewed, once for all of its streams', async () => {
    const { sent, review, keyReads, keysAre } = scene();
    const reviews = Array.from({ length: 3 }, async () => review('unlisted'));
    assert.equal(keyReads.length, 1);
    await keysAre('signed');
    assert.equal(sent.length, 1);
    sent[0]?.answer(accepted);
    assert.deepEqual(await Promise.all(reviews), [accepted, accepted, accepted]);
  });

  test('unlisted key, and the keys are replaced by another one of its ID: refused', async () => {
    const { sent, review, keysAre } = scene();
    const result = review('unlisted');
    await keysAre('forged');
    assert.deepEqual([(await result).kind, sent.length], ['refused', 0]);
  });

  test('unlisted key, and the keys cannot be read: the token is reviewed within the budget', async () => {
    const limits = { perSecond: 0.001, burst: 2 };
    const { sent, review, keysAre, close } = scene({ rate: limits, addressRate: limits });
    for (let index = 0; index < 50; index += 1) void review(`unlisted-${index}`);
    await keysAre('unknown');
    assert.equal(sent.length, 2);
    close();
  });

  test('unlisted key, and the keys are not read in time: unavailable', async () => {
    const { sent, review } = scene({ withinMs: 20 });
    assert.equal((await review('unlisted')).kind, 'unavailable');
    assert.equal(sent.length, 0);
  });

  test('many tokens of unlisted keys: few wait, of each address, and the others are refused at once', async () => {
    const { review, keyReads, keysAre } = scene({
      unlistedWaiting: { ...roomy, tokens: 5, tokensOfAddress: 3 },
    });
    const flood = Array.from({ length: 50 }, async (_, index) => review(`unlisted-${index}`, '10.0.0.66'));
    assert.equal(keyReads.length, 3);
    const honest = review('unlisted-honest', '10.0.0.7');
    assert.equal(keyReads.length, 4);
    await keysAre('unlisted');
    for (const result of await Promise.all([...flood, honest])) assert.equal(result.kind, 'refused');
    void review('unlisted-later', '10.0.0.66');
    assert.equal(keyReads.length, 1, 'those who waited count no longer');
    await keysAre('unlisted');
  });

  test('tokens of unknown signatures: leave requests for others, which go first and have no budget', async () => {
    const limits = { perSecond: 0.001, burst: 13 };
    const { sent, review, close } = scene({ rate: limits, addressRate: limits });
    for (let index = 0; index < 100; index += 1) void review(`flood-${index}`);
    assert.equal(sent.length, 12);
    for (let index = 0; index < 50; index += 1) void review(`signed-${index}`);
    assert.equal(sent.length, 16);
    for (let answered = 0; answered < sent.length; answered += 1) {
      sent[answered]?.answer(refused);
      await new Promise(setImmediate);
    }
    const order = sent.map(({ token }) => token.startsWith('signed'));
    assert.deepEqual([order.filter(Boolean).length, order.filter((isSigned) => !isSigned).length], [50, 13]);
    assert.equal(order.lastIndexOf(false), order.length - 1, 'the thirteenth of the flood is the last');
    close();
  });

  test('close: the waiting tokens are unavailable', async () => {
    const { review, close } = scene({ atOnce: 1 });
    void review('first');
    const waiting = ['second', 'signed'].map(async (token) => review(token));
    close();
    for (const result of await Promise.all(waiting)) assert.equal(result.kind, 'unavailable');
    assert.equal((await review('third')).kind, 'unavailable');
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

  test('flood of bad tokens of one address: the API server gets its budget, and another address has its own', async () => {
    const { sent, review, close } = scene({ addressRate: { perSecond: 0.001, burst: 3 } });
    for (let index = 0; index < 100; index += 1) void review(`flood-${index}`, '10.0.0.66');
    for (let answered = 0; answered < sent.length; answered += 1) {
      sent[answered]?.answer(refused);
      await new Promise(setImmediate);
    }
    assert.equal(sent.length, 3);
    const honest = review('honest', '10.0.0.7');
    assert.equal(sent.at(-1)?.token, 'honest', 'it has not waited');
    sent.at(-1)?.answer(accepted);
    assert.deepEqual(await honest, accepted);
    close();
  });

  test('flood of bad tokens of many addresses: all together have a budget', async () => {
    const { sent, review, close } = scene({ rate: { perSecond: 0.001, burst: 5 } });
    for (let index = 0; index < 100; index += 1) void review(`flood-${index}`, `10.0.1.${index}`);
    for (let answered = 0; answered < sent.length; answered += 1) {
      sent[answered]?.answer(answered % 2 === 0 ? refused : unavailable);
      await new Promise(setImmediate);
    }
    assert.equal(sent.length, 5);
    close();
  });

  test('tokens above the budget: are reviewed once it allows them', async () => {
    const limits = { perSecond: 1_000, burst: 1 };
    const { sent, review } = scene({ rate: limits, addressRate: limits });
    const first = review('first');
    sent[0]?.answer(refused);
    await first;
    const second = review('second');
    while (sent.length < 2) await new Promise(setImmediate);
    sent[1]?.answer(accepted);
    assert.deepEqual(await second, accepted);
  });

  test('good tokens: use up no budget', async () => {
    const limits = { perSecond: 0.001, burst: 1 };
    const { sent, settle, close } = scene({ rate: limits, addressRate: limits });
    for (let index = 0; index < 100; index += 1) await settle(`good-${index}`, accepted);
    assert.equal(sent.length, 100);
    close();
  });

  test('connections of one address: take turns', async () => {
    const { sent, review } = scene({ atOnce: 1 });
    for (let index = 0; index < 50; index += 1) void review(`flood-${index}`, '10.0.0.1', '10.0.0.1:66');
    void review('honest', '10.0.0.1', '10.0.0.1:7');
    for (let answered = 0; answered < 2; answered += 1) {
      sent[answered]?.answer(refused);
      await new Promise(setImmediate);
    }
    assert.equal(sent[2]?.token, 'honest');
  });

  test('address with as many waiting tokens as it may have: is refused, and others are not', async () => {
    const { sent, review } = scene({ atOnce: 1, unknownWaiting: { ...roomy, tokensOfAddress: 2 } });
    for (const token of ['first', 'second', 'third']) void review(token, '10.0.0.66');
    assert.equal((await review('fourth', '10.0.0.66')).kind, 'unavailable');
    const honest = review('honest', '10.0.0.7');
    for (let answered = 0; answered < sent.length; answered += 1) {
      sent[answered]?.answer(sent[answered]?.token === 'honest' ? accepted : refused);
      await new Promise(setImmediate);
    }
    assert.deepEqual(await honest, accepted);
  });

  test('more waiting tokens than the limit: are unavailable at once', async () => {
    const { review } = scene({ atOnce: 1, unknownWaiting: { ...roomy, tokens: 1 } });
    void review('first');
    void review('second');
    assert.equal((await review('third')).kind, 'unavailable');
  });

  for (const [kind, most] of [
    ['signed', 16 * 2 ** 20],
    ['unknown', 16 * 2 ** 20],
    ['unlisted', 16 * 2 ** 20],
  ] as const)
    test(`flood of long tokens, ${kind}: 16 MiB of them wait at most, and 2 MiB of an address that may be a stranger's`, async () => {
      const { sent, review, close, keysAre } = scene({ withinMs: 60_000 });
      const length = 16_000;
      let waiting = 0;
      const ofAddress: number[] = [];
      for (let address = 0; address < 12; address += 1) {
        const before = waiting;
        for (let count = 0; count < 150; count += 1) {
          const result = review(`${kind}-${address}-${count}`.padEnd(length, '-'), `10.0.0.${address}`);
          // A token without room is settled in this turn of the event loop.
          const settled = await Promise.race([result, new Promise((resolve) => setImmediate(resolve))]);
          if (settled === undefined) waiting += 1;
        }
        ofAddress.push(waiting - before);
      }
      const characters = (waiting - sent.length) * length;
      assert.ok(characters <= most && characters > most / 2, `${characters} characters wait`);
      if (kind !== 'signed')
        assert.ok(Math.max(...ofAddress) <= 2 ** 21 / length + 16, `${Math.max(...ofAddress)}`);
      await keysAre('unlisted');
      close();
    });
});
