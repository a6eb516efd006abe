import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { replaceFile } from '../../src/net/replace-file.ts';
import { recordSyncs, stateOf } from '../kit/directory-syncs.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

suite('replacing a file', () => {
  test('replaced file: its directory is synced with the new content', async () => {
    await using dir = await makeTempDir();
    await replaceFile(dir.join('one'), 'before');
    using syncs = await recordSyncs(dir.path);
    await replaceFile(dir.join('one'), 'after');
    assert.deepEqual(syncs.states, [new Map([['one', 'after']])]);
    assert.deepEqual(stateOf(dir.path), syncs.states[0]);
  });

  for (const code of ['EINVAL', 'ENOTSUP', 'EPERM', 'EACCES'])
    test(`directory that cannot be synced at all (${code}): the file is replaced`, async () => {
      await using dir = await makeTempDir();
      using syncs = await recordSyncs(dir.path);
      syncs.fail(code);
      await replaceFile(dir.join('one'), 'after');
      assert.equal(await readFile(dir.join('one'), 'utf8'), 'after');
    });

  for (const code of ['EIO', 'ENOSPC', 'EDQUOT'])
    test(`sync of the directory that fails (${code}): an error, because the file may be lost`, async () => {
      await using dir = await makeTempDir();
      using syncs = await recordSyncs(dir.path);
      syncs.fail(code);
      await assert.rejects(replaceFile(dir.join('one'), 'after'), (error: Error) => {
        assert.equal(error.message, `the directory ${dir.path} cannot be synced: refused`);
        return (error.cause as NodeJS.ErrnoException).code === code;
      });
    });
});
