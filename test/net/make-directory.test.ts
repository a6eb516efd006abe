import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { makeDirectory } from '../../src/net/make-directory.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

suite('directory with those above it', () => {
  test('absent: all are created with the mode', async () => {
    await using dir = await makeTempDir();
    await makeDirectory(dir.join('a/b/c'), 0o700);
    for (const name of ['a', 'a/b', 'a/b/c']) {
      const { mode } = await stat(dir.join(name));
      assert.equal(mode & 0o777, 0o700);
    }
  });

  test('present: is kept as it is', async () => {
    await using dir = await makeTempDir();
    await makeDirectory(dir.join('a'), 0o750);
    await makeDirectory(dir.join('a'), 0o700);
    assert.equal((await stat(dir.join('a'))).mode & 0o777, 0o750);
  });

  test('file above it: the error of the system', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('file'), '');
    await assert.rejects(makeDirectory(dir.join('file/a'), 0o700), { code: 'ENOTDIR' });
  });

  test(
    'place where no directory can be created: an error instead of endless attempts',
    {
      skip: process.platform !== 'linux' && 'uses /proc',
    },
    async () => {
      await assert.rejects(makeDirectory('/proc/nowhere/state', 0o700), { code: 'ENOENT' });
    },
  );
});
