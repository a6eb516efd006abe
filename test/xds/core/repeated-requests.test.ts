import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RepeatedRequests } from '../../../src/xds/core/repeated-requests.ts';

/** Begins at 0 ms, with a quiet time of 10 ms. Returns when the reply is due after requests at these times. */
function dueAfter(times: readonly number[], expected = 0): number | undefined {
  const repeats = new RepeatedRequests(10, 0);
  repeats.expect(expected);
  for (const now of times) {
    repeats.repeated(now);
    repeats.requested(now);
  }
  return repeats.dueAt;
}

suite('repeated requests of a client that answered several responses with one ACK', () => {
  for (const [what, times, due] of [
    ['none: no reply', [], undefined],
    ['one within the quiet time: waits for further ones', [9], 19],
    ['one after the quiet time: at once', [10], 10],
    ['several: the reply is due after the last one', [4, 8, 12], 22],
    ['without a pause: the reply is due three quiet times after the first one', [5, 14, 23, 32, 41], 35],
    ['one after the quiet time that follows others: at once', [5, 15], 15],
  ] as const)
    test(what, () => assert.equal(dueAfter(times), due));

  for (const [what, times, due] of [
    ['after the quiet time: further ones are waited for', [10], 30],
    ['just within twice the quiet time: further ones are waited for', [19], 39],
    ['after twice the quiet time: at once', [20], 20],
    ['as many as are expected: the reply is due after the last one', [19, 38, 57], 77],
    ['one more than are expected, after the quiet time: at once', [19, 38, 57, 67], 67],
    ['one more than are expected, within the quiet time: waits for further ones', [19, 38, 57, 66], 76],
    ['after a pause: no further one is expected', [19, 39, 50], 50],
  ] as const)
    test(`three expected, ${what}`, () => assert.equal(dueAfter(times, 3), due));

  test('many expected, and they do not stop: the reply is due six quiet times after the first one', () => {
    assert.equal(dueAfter([19, 38, 57, 76], 10), 79);
  });

  test('reply sent: none is due, and the next repeated requests are waited for again', () => {
    const repeats = new RepeatedRequests(10, 0);
    repeats.repeated(5);
    repeats.requested(5);
    repeats.replied();
    assert.equal(repeats.dueAt, undefined);
    repeats.repeated(14);
    assert.equal(repeats.dueAt, 24);
  });
});
