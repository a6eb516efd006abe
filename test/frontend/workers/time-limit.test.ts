import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { limitTime } from '../../../src/frontend/workers/time-limit.ts';

const limitMs = 60_000;

function limited(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let exceeded = 0;
  const limit = limitTime(limitMs, () => void (exceeded += 1));
  const pass = (ms: number): void => t.mock.timers.tick(ms);
  return { limit, pass, exceeded: () => exceeded };
}

suite('time limit of a worker that applies a change', () => {
  test('change that is not applied: is reported once', (t) => {
    const { limit, pass, exceeded } = limited(t);
    limit.begin();
    pass(limitMs - 1);
    assert.equal(exceeded(), 0);
    pass(1);
    assert.equal(exceeded(), 1);
    pass(10 * limitMs);
    assert.equal(exceeded(), 1);
  });

  test('changes that are applied in time: are not reported, however many there are', (t) => {
    const { limit, pass, exceeded } = limited(t);
    for (let changes = 0; changes < 5; changes += 1) {
      limit.begin();
      pass(limitMs / 2);
      limit.end();
    }
    pass(10 * limitMs);
    assert.equal(exceeded(), 0);
  });

  test('no change: is not reported', (t) => {
    const { limit, pass, exceeded } = limited(t);
    limit.end();
    pass(10 * limitMs);
    assert.equal(exceeded(), 0);
  });
});
