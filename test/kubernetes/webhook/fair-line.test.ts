import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createFairLine } from '../../../src/kubernetes/webhook/fair-line.ts';

const minute = 60_000;
const from = (address: string) => ({ address, isGone: () => false });

describe('a fair line', () => {
  it('several clients of one address → in the order in which they came', async () => {
    const line = createFairLine(minute);
    const order: number[] = [];
    const turns = [1, 2, 3].map((id) => line.join(from('a')).then(() => order.push(id)));
    assert.equal(line.length, 3);
    while (line.callNext());
    await Promise.all(turns);
    assert.deepEqual(order, [1, 2, 3]);
    assert.equal(line.length, 0);
  });

  it('many clients of one address and one of another → addresses take turns', async () => {
    const line = createFairLine(minute);
    const order: string[] = [];
    for (const address of ['a', 'a', 'a', 'b', 'a', 'c', 'b'])
      void line.join(from(address)).then(() => order.push(address));
    while (line.callNext());
    await Promise.resolve();
    assert.deepEqual(order, ['a', 'b', 'c', 'a', 'b', 'a', 'a']);
  });

  it('a client that has gone → is passed over', async () => {
    const line = createFairLine(minute);
    const gone = line.join({ address: 'a', isGone: () => true });
    const next = line.join(from('a'));
    assert.equal(line.callNext(), true);
    assert.deepEqual([await gone, await next], [false, true]);
    assert.equal(line.callNext(), false);
  });

  it('a client that has waited too long → leaves the line without a turn', async () => {
    const line = createFairLine(10);
    // Keeps the process running: the line itself does not.
    const timer = setTimeout(() => undefined, minute);
    assert.equal(await line.join(from('a')), false);
    clearTimeout(timer);
    assert.equal(line.length, 0);
    assert.equal(line.callNext(), false);
  });
});
