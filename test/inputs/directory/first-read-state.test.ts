import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { FirstRead } from '../../../src/inputs/directory/first-read.ts';

suite('completeness of the first read', () => {
  test('no earlier run: complete once nothing is left to read, and only once', () => {
    const first = new FirstRead(0);
    assert.equal(first.round('unread', 0), false);
    assert.equal(first.round('read', 1), true);
    assert.equal(first.round('read', 2), false);
    assert.deepEqual([first.next(), first.due(1_000)], [undefined, false]);
  });

  test('earlier run: complete after a second listing', () => {
    const first = new FirstRead(100);
    assert.equal(first.round('read', 0), false);
    assert.equal(first.round('unread', 40), false);
    assert.equal(first.round('read', 50), false);
    assert.equal(first.next(), 100);
    assert.equal(first.due(99), false);
    assert.equal(first.due(100), true);
    assert.deepEqual([first.next(), first.due(101)], [undefined, false]);
    assert.equal(first.round('unread', 101), false);
    assert.equal(first.round('read', 102), true);
    assert.equal(first.round('read', 103), false);
  });

  test('failure before or during the second listing: the time begins again', () => {
    const first = new FirstRead(100);
    assert.equal(first.round('read', 0), false);
    assert.equal(first.round('failed', 50), false);
    assert.deepEqual([first.next(), first.due(100)], [undefined, false]);
    assert.equal(first.round('read', 120), false);
    assert.equal(first.due(220), true);
    assert.equal(first.round('failed', 221), false);
    assert.equal(first.round('read', 230), false);
    assert.equal(first.next(), 330);
    assert.equal(first.due(330), true);
    assert.equal(first.round('read', 331), true);
  });
});
