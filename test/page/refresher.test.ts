import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRefresher } from '../../src/page/refresher.ts';

/** A refresher with requests that the test answers, and a clock that it moves. */
function rig() {
  let now = 0;
  const planned: { readonly at: number; readonly work: () => void }[] = [];
  const requests: PromiseWithResolvers<() => void>[] = [];
  const shown: string[] = [];
  const refresher = createRefresher({
    ask: () => {
      const request = Promise.withResolvers<() => void>();
      requests.push(request);
      return request.promise;
    },
    failed: (error) => shown.push(String(error)),
    after: (milliseconds, work) => planned.push({ at: now + milliseconds, work }),
    now: () => now,
  });
  return {
    ...refresher,
    shown,
    asked: () => requests.length,
    answer: async (index: number, text: string): Promise<void> => {
      requests[index]?.resolve(() => shown.push(text));
      await new Promise(setImmediate);
    },
    fail: async (index: number, reason: string): Promise<void> => {
      requests[index]?.reject(reason);
      await new Promise(setImmediate);
    },
    pass: (milliseconds: number): void => {
      now += milliseconds;
      const due = planned.filter(({ at }) => at <= now);
      planned.splice(0, Infinity, ...planned.filter(({ at }) => at > now));
      for (const { work } of due) work();
    },
  };
}

suite('the refresher of the page', () => {
  test('changes faster than answers: each answer is shown, and one request is under way at a time', async () => {
    const { begin, soon, pass, asked, answer, shown } = rig();
    begin();
    for (let round = 0; round < 4; round += 1) {
      // The server needs two seconds for an answer, and something changes every half second.
      for (let change = 0; change < 4; change += 1) {
        pass(500);
        soon();
      }
      assert.equal(asked(), round + 1);
      await answer(round, `answer ${round}`);
    }
    assert.deepEqual(shown, ['answer 0', 'answer 1', 'answer 2', 'answer 3']);
    assert.equal(asked(), 5);
  });

  test('many changes within half a second: one more request', async () => {
    const { begin, soon, pass, asked, answer } = rig();
    begin();
    await answer(0, 'first');
    for (let change = 0; change < 10; change += 1) soon();
    assert.equal(asked(), 1);
    pass(500);
    assert.equal(asked(), 2);
    await answer(1, 'second');
    pass(500);
    assert.equal(asked(), 2);
  });

  test('another view: is requested at once, and the answer about the view before is dropped', async () => {
    const { begin, asked, answer, shown } = rig();
    begin();
    begin();
    assert.equal(asked(), 2);
    await answer(1, 'new view');
    await answer(0, 'old view');
    assert.deepEqual(shown, ['new view']);
  });

  test('failed request: is repeated after five seconds', async () => {
    const { begin, pass, asked, answer, fail, shown } = rig();
    begin();
    await fail(0, 'no answer');
    pass(4_999);
    assert.equal(asked(), 1);
    pass(1);
    assert.equal(asked(), 2);
    await answer(1, 'answer');
    pass(60_000);
    assert.deepEqual([asked(), shown], [2, ['no answer', 'answer']]);
  });

  test('failed request of an earlier view: is neither shown nor repeated', async () => {
    const { begin, pass, asked, answer, fail, shown } = rig();
    begin();
    begin();
    await fail(0, 'no answer');
    await answer(1, 'answer');
    pass(60_000);
    assert.deepEqual([asked(), shown], [2, ['answer']]);
  });
});
