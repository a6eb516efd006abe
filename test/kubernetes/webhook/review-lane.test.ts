import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { createReviewLanes } from '../../../src/kubernetes/webhook/review-lane.ts';

const minute = 60_000;
const budget = { burstMs: 1000, share: 1 };
const client = { address: 'a', connection: {}, isGone: () => false };
const lanesOf = (maxWaitMs = minute, small = budget) =>
  createReviewLanes({ small: { slots: Infinity, budget: small }, large: { slots: 1, budget } }, maxWaitMs);

/** Blocks the event loop for a time, as a review does. */
function spend(milliseconds: number): undefined {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

suite('review lanes', () => {
  test('two jobs at once: the event loop completes a turn between them', async () => {
    const { small } = lanesOf();
    const order: string[] = [];
    const first = small.run(client, () => {
      order.push('first');
      setImmediate(() => order.push('other work'));
    });
    const second = small.run(client, () => void order.push('second'));
    assert.deepEqual(await Promise.all([first, second]), [true, true]);
    assert.deepEqual(order, ['first', 'other work', 'second']);
  });

  test('job of long steps: other work runs between them, and the next job after the last', async () => {
    const { small } = lanesOf();
    const order: string[] = [];
    const first = small.run(client, function* () {
      for (const step of [1, 2]) {
        order.push(`step ${step}`);
        setImmediate(() => order.push('other work'));
        spend(15);
        yield undefined;
      }
    });
    const second = small.run(client, () => void order.push('second'));
    assert.deepEqual(await Promise.all([first, second]), [true, true]);
    assert.deepEqual(order, ['step 1', 'other work', 'step 2', 'other work', 'second']);
  });

  test('step that throws: its error reaches the caller, and the next job runs', async () => {
    const { small } = lanesOf();
    const failing = small.run(client, function* () {
      spend(15);
      yield undefined;
      throw new Error('defect');
    });
    const next = small.run(client, () => undefined);
    await assert.rejects(failing, /defect/);
    assert.equal(await next, true);
  });

  test('waiting small and large jobs: the small ones run first', async () => {
    const { small, large } = lanesOf();
    const order: string[] = [];
    await Promise.all([
      large.run(client, () => void order.push('large')),
      large.run(client, () => void order.push('large')),
      small.run(client, () => void order.push('small')),
    ]);
    assert.deepEqual(order, ['large', 'small', 'large']);
  });

  test('lane without budget: its jobs wait, and those of the other lane run', async () => {
    const { small, large } = lanesOf(minute, { burstMs: 1, share: 0.5 });
    const order: string[] = [];
    await small.run(client, () => spend(20));
    await Promise.all([
      small.run(client, () => void order.push('small')),
      large.run(client, () => void order.push('large')),
    ]);
    assert.deepEqual(order, ['large', 'small']);
  });

  test('no turn within the maximum wait: the job does not run', async () => {
    const { small } = lanesOf(10, { burstMs: 1, share: 0.001 });
    // Keeps the process running: the timers of the lanes do not.
    const timer = setTimeout(() => undefined, minute);
    await small.run(client, () => spend(5));
    assert.equal(await small.run(client, () => assert.fail('it ran')), false);
    clearTimeout(timer);
  });

  test('client that has gone: its job does not run, and the next one does', async () => {
    const { small } = lanesOf();
    const gone = { ...client, isGone: () => true };
    const results = [small.run(gone, () => assert.fail('it ran')), small.run(client, () => undefined)];
    assert.deepEqual(await Promise.all(results), [false, true]);
  });

  test('job that throws: its error reaches the caller, and the next job runs', async () => {
    const { small } = lanesOf();
    const failing = small.run(client, () => {
      throw new Error('defect');
    });
    const next = small.run(client, () => undefined);
    await assert.rejects(failing, /defect/);
    assert.equal(await next, true);
  });

  test('no free slot: the next client enters when another leaves', async () => {
    const { large } = lanesOf();
    assert.equal(await large.enter(client), true);
    let entered = false;
    const second = large.enter(client).then((isIn) => {
      entered = isIn;
    });
    await new Promise(setImmediate);
    assert.equal(entered, false);
    large.leave();
    await second;
    assert.equal(entered, true);
    large.leave();
    assert.equal(await large.enter(client), true);
  });
});
