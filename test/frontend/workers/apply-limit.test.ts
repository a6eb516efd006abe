import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { applyLimitMs, limitApplying } from '../../../src/frontend/workers/apply-limit.ts';

function limited(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let exceeded = 0;
  const limit = limitApplying(() => void (exceeded += 1));
  const pass = (ms: number): void => t.mock.timers.tick(ms);
  return { limit, pass, exceeded: () => exceeded };
}

suite('time limit of a worker that applies a change', () => {
  test('change that is not applied: is reported once', (t) => {
    const { limit, pass, exceeded } = limited(t);
    limit.begin();
    pass(applyLimitMs - 1);
    assert.equal(exceeded(), 0);
    pass(1);
    assert.equal(exceeded(), 1);
    pass(10 * applyLimitMs);
    assert.equal(exceeded(), 1);
  });

  test('changes that are applied in time: are not reported, however many there are', (t) => {
    const { limit, pass, exceeded } = limited(t);
    for (let changes = 0; changes < 5; changes += 1) {
      limit.begin();
      pass(applyLimitMs / 2);
      limit.end();
    }
    pass(10 * applyLimitMs);
    assert.equal(exceeded(), 0);
  });

  test('no change: is not reported', (t) => {
    const { limit, pass, exceeded } = limited(t);
    limit.end();
    pass(10 * applyLimitMs);
    assert.equal(exceeded(), 0);
  });
});
