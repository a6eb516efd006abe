import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createFailures } from '../../../src/inputs/directory/failures.ts';

test('failure: is reported once for each reason, and its end once', () => {
  const failures = createFailures();
  assert.deepEqual(failures.fail('d', 'EACCES', 0), [{ kind: 'failed', path: 'd', reason: 'EACCES' }]);
  assert.deepEqual(failures.fail('d', 'EACCES', 1), []);
  assert.deepEqual(failures.fail('d', 'EIO', 2), [{ kind: 'failed', path: 'd', reason: 'EIO' }]);
  assert.deepEqual(failures.succeed('d'), [{ kind: 'recovered', path: 'd' }]);
  assert.deepEqual(failures.succeed('d'), []);
});

test('retries: after 100 ms, then the time doubles up to 5 s', () => {
  const failures = createFailures();
  const delays: number[] = [];
  let now = 0;
  for (let attempt = 0; attempt < 9; attempt += 1) {
    failures.fail('d', 'EIO', now);
    const next = failures.next();
    assert.ok(next !== undefined);
    assert.deepEqual(failures.due(next - 1), []);
    assert.deepEqual(failures.due(next), ['d']);
    assert.equal(failures.next(), undefined, 'due again only after another failure');
    delays.push(next - now);
    now = next;
  }
  assert.deepEqual(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
});

test('forgotten path: is not tried again', () => {
  const failures = createFailures();
  failures.fail('d', 'EIO', 0);
  failures.forget('d');
  assert.deepEqual([failures.size, failures.next(), failures.succeed('d')], [0, undefined, []]);
});
