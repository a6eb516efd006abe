import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createHeartbeat } from '../../../src/frontend/workers/heartbeat.ts';

const limitMs = 60_000;

function beating(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  let [asked, exceeded] = [0, 0];
  const heartbeat = createHeartbeat(
    limitMs,
    () => void (asked += 1),
    () => void (exceeded += 1),
  );
  const pass = (ms: number): void => t.mock.timers.tick(ms);
  return { heartbeat, pass, counts: () => [asked, exceeded] };
}

suite('heartbeat of a worker', () => {
  test('answers: is asked again and again, and is not reported', (t) => {
    const { heartbeat, pass, counts } = beating(t);
    heartbeat.begin();
    for (let times = 0; times < 20; times += 1) {
      heartbeat.answered();
      pass(limitMs / 6);
    }
    assert.deepEqual(counts(), [21, 0]);
  });

  test('no answer: is asked once, and is reported once', (t) => {
    const { heartbeat, pass, counts } = beating(t);
    heartbeat.begin();
    pass(limitMs - 1);
    assert.deepEqual(counts(), [1, 0]);
    pass(10 * limitMs);
    assert.deepEqual(counts(), [1, 1]);
  });

  for (const what of ['answered', 'has not answered'])
    test(`has ended after it ${what}: is not asked, and not reported`, (t) => {
      const { heartbeat, pass, counts } = beating(t);
      heartbeat.begin();
      if (what === 'answered') heartbeat.answered();
      heartbeat.end();
      pass(10 * limitMs);
      assert.deepEqual(counts(), [1, 0]);
    });
});
