import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { createTurnQueue } from '../../../src/kubernetes/webhook/turn-queue.ts';

const minute = 60_000;
const from = (address: string) => ({ address, connection: {}, isGone: () => false });

suite('turn queue', () => {
  test('several clients of one address: take turns in the order of their arrival', async () => {
    const queue = createTurnQueue(minute);
    const order: number[] = [];
    const turns = [1, 2, 3].map((id) => queue.wait(from('a')).then(() => order.push(id)));
    assert.equal(queue.size, 3);
    while (queue.admitNext());
    await Promise.all(turns);
    assert.deepEqual(order, [1, 2, 3]);
    assert.equal(queue.size, 0);
  });

  test('many clients of one address and one of another: the addresses take turns', async () => {
    const queue = createTurnQueue(minute);
    const order: string[] = [];
    for (const address of ['a', 'a', 'a', 'b', 'a', 'c', 'b'])
      void queue.wait(from(address)).then(() => order.push(address));
    while (queue.admitNext());
    await Promise.resolve();
    assert.deepEqual(order, ['a', 'b', 'c', 'a', 'b', 'a', 'a']);
  });

  test('client that has gone: is skipped, and costs its address no turn', async () => {
    const queue = createTurnQueue(minute);
    const order: string[] = [];
    const gone = queue.wait({ ...from('a'), isGone: () => true });
    const turns = ['a', 'b'].map((address) =>
      queue.wait(from(address)).then((isTurn) => order.push(`${address} ${isTurn}`)),
    );
    assert.deepEqual([queue.admitNext(), queue.admitNext()], [true, true]);
    assert.equal(await gone, false);
    await Promise.all(turns);
    assert.deepEqual(order, ['a true', 'b true']);
    assert.equal(queue.admitNext(), false);
  });

  test('client that has waited too long: leaves the queue without a turn', async () => {
    const queue = createTurnQueue(10);
    // Keeps the process running: the timer of the queue does not.
    const timer = setTimeout(() => undefined, minute);
    assert.equal(await queue.wait(from('a')), false);
    clearTimeout(timer);
    assert.equal(queue.size, 0);
    assert.equal(queue.admitNext(), false);
  });
});
