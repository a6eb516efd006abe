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

test('failure in doubt: is reported once it lasts for 100 ms, and not if it ends before', () => {
  const failures = createFailures();
  assert.deepEqual(failures.doubt('d', 'dangling', 0), []);
  assert.deepEqual(failures.doubt('d', 'dangling', 99), []);
  assert.deepEqual([failures.has('d'), failures.size, failures.next()], [true, 1, 100]);
  assert.deepEqual(failures.succeed('d'), []);
  assert.deepEqual(failures.doubt('d', 'dangling', 200), []);
  assert.deepEqual(failures.due(300), ['d']);
  assert.deepEqual(failures.doubt('d', 'dangling', 300), [{ kind: 'failed', path: 'd', reason: 'dangling' }]);
  assert.deepEqual(failures.doubt('d', 'dangling', 301), []);
  assert.deepEqual(failures.fail('d', 'EIO', 302), [{ kind: 'failed', path: 'd', reason: 'EIO' }]);
  assert.deepEqual(failures.doubt('d', 'dangling', 303), [{ kind: 'failed', path: 'd', reason: 'dangling' }]);
  assert.deepEqual(failures.succeed('d'), [{ kind: 'recovered', path: 'd' }]);
});

test('failure in doubt, then certain: is reported at once', () => {
  const failures = createFailures();
  assert.deepEqual(failures.doubt('d', 'dangling', 0), []);
  assert.deepEqual(failures.fail('d', 'EIO', 1), [{ kind: 'failed', path: 'd', reason: 'EIO' }]);
});

test('forgotten path: is not tried again', () => {
  const failures = createFailures();
  failures.fail('d', 'EIO', 0);
  failures.forget('d');
  assert.deepEqual([failures.size, failures.next(), failures.succeed('d')], [0, undefined, []]);
});
