import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ListingTimes } from '../../../src/inputs/directory/listing-times.ts';

/** Creates times from 1,000 on, with a listing of everything after exactly a minute. */
function minutely(random = 0.5): ListingTimes {
  return new ListingTimes(1_000, 60_000, () => random);
}

/** Counts notices at one time. Returns how often a listing of everything became due. */
function notices(times: ListingTimes, count: number, now: number): number {
  let due = 0;
  for (let notice = 0; notice < count; notice += 1) due += times.notice(now) ? 1 : 0;
  return due;
}

suite('times of listings', () => {
  for (const [random, at] of [
    [0, 49_000],
    [0.5, 61_000],
    [1, 73_000],
  ] as const)
    test(`listing of everything: varies by a fifth, random ${random}: after ${at - 1_000} ms`, () => {
      const times = minutely(random);
      assert.equal(Math.round(times.next(false)), at);
      assert.equal(times.due(at - 1).all, false);
      assert.equal(times.due(at + 1).all, true);
      assert.equal(Math.round(times.next(false)), at + 1 + at - 1_000);
    });

  test('directories without a watch: are listed every 2 s, also while nothing else is due', () => {
    const times = minutely();
    assert.equal(times.next(true), 3_000);
    assert.deepEqual(times.due(2_999), { all: false, polled: false });
    assert.deepEqual(times.due(3_000), { all: false, polled: true });
    assert.equal(times.next(true), 5_000);
    assert.equal(times.next(false), 61_000);
  });

  test('8,191 notices in a second: no listing', () => {
    const times = minutely();
    assert.equal(notices(times, 8_191, 1_500), 0);
    assert.equal(times.next(false), 61_000);
  });

  test('8,192 notices in a second: everything is listed once, a second later', () => {
    const times = minutely();
    assert.equal(notices(times, 20_000, 1_500), 1);
    assert.equal(times.next(false), 2_500);
    assert.equal(times.due(2_500).all, true);
    assert.equal(times.next(false), 62_500);
  });

  test('notices over more than a second: are counted again', () => {
    const times = minutely();
    assert.equal(notices(times, 8_000, 1_500), 0);
    assert.equal(notices(times, 8_000, 2_501), 0);
    assert.equal(notices(times, 192, 2_502), 1);
  });

  test('burst shortly before a listing of everything: does not delay it', () => {
    const times = minutely();
    assert.equal(notices(times, 8_192, 60_900), 1);
    assert.equal(times.next(false), 61_000);
  });
});
