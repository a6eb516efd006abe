import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { Logger } from '../../../src/observe/log/log.ts';
import { followDistrustFile } from '../../../src/runtime/state/distrust-file.ts';
import { withoutWatches } from '../../kit/no-watches.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';

suite('followed distrust list', () => {
  test('change that cannot be applied: is reported, and is applied by the next reading', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('distrust');
    await writeFile(path, '');
    const events: unknown[] = [];
    const log = {
      error: ({ event }: { readonly event: string }) => events.push(event),
      warn: () => undefined,
    } as unknown as Logger;
    const applied: number[] = [];
    const list = await followDistrustFile(path, log, ({ hashes }) => {
      if (events.length === 0) throw new Error('cannot be applied');
      applied.push(hashes.size);
    });
    using _closing = { [Symbol.dispose]: () => list.close() };
    const { put } = watchedDir(dir.path);
    await put('distrust', `${'a'.repeat(64)}\n`);
    await poll('the failure', () => events.length > 0 || undefined);
    await put('distrust', `${'a'.repeat(64)}\n`);
    await poll('the list', () => applied.length > 0 || undefined);
    assert.deepEqual([events, applied[0]], [['distrust-failed'], 1]);
  });

  test('no inotify watch is left at the start: the list is in force, and it is logged', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('distrust');
    await writeFile(path, `${'a'.repeat(64)}\n`);
    const events: unknown[] = [];
    const log = {
      error: ({ event }: { readonly event: string }, text: string) => events.push([event, text]),
    } as unknown as Logger;
    using _without = withoutWatches();
    const list = await followDistrustFile(path, log, () => undefined);
    list.close();
    assert.equal(list.state.hashes.size, 1);
    assert.deepEqual(events, [
      ['distrust-unwatched', `${path} cannot be watched, so it is read every 10 seconds`],
    ]);
  });
});
