import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { firstPortOf, freePort } from './free-port.ts';

suite('free port', () => {
  test('two processes that run at the same time: have no port in common', () => {
    assert.equal(firstPortOf(1001) - firstPortOf(1000), 88);
    assert.deepEqual([firstPortOf(0), firstPortOf(255) + 87], [10_240, 32_767]);
  });

  test('calls of one process: get different ports, also at once', async () => {
    const ports = [...(await Promise.all([freePort(), freePort()])), await freePort()];
    assert.equal(new Set(ports).size, 3);
  });
});
