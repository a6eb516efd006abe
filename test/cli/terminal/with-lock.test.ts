import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { withLock } from '../../../src/cli/terminal/with-lock.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

suite('lock file of a changed file', () => {
  test('lock that cannot be removed after the change: the result of the change counts', async () => {
    await using dir = await makeTempDir();
    const lock = dir.join('list.lock');
    const result = await withLock(dir.join('list'), 1_000, async () => {
      await rm(lock);
      await mkdir(lock);
      return 'changed';
    });
    assert.equal(result, 'changed');
  });
});
