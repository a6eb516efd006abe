import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { watchFile } from '../../src/net/watch-file.ts';
import { withoutWatches } from '../kit/no-watches.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

suite('watched file', () => {
  test('replaced file: is read, and again as long as the reader asks for it', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await writeFile(path, '');
    let left = 3;
    let overlaps = 0;
    let isReading = false;
    const read = async (): Promise<number | undefined> => {
      overlaps += isReading ? 1 : 0;
      isReading = true;
      await writeFile(dir.join('other'), '');
      isReading = false;
      left -= 1;
      return left > 0 ? 1 : undefined;
    };
    const watched = watchFile(path, { read, failed: (error) => assert.fail(String(error)) });
    using _closing = { [Symbol.dispose]: () => watched.close() };
    await writeFile(dir.join('next'), 'x');
    await rename(dir.join('next'), path);
    await poll('three readings', () => left <= 0 || undefined);
    assert.equal(overlaps, 0);
  });

  test('another directory in place of that of the file: is watched', async () => {
    await using dir = await makeTempDir();
    for (const name of ['lists', 'next']) await mkdir(dir.join(name));
    const path = dir.join('lists/list');
    const texts: string[] = [];
    const read = async (): Promise<undefined> => void texts.push(await readFile(path, 'utf8'));
    await writeFile(path, 'one');
    await writeFile(dir.join('next/list'), 'two');
    const watched = watchFile(path, { read, failed: () => undefined });
    using _closing = { [Symbol.dispose]: () => watched.close() };
    renameSync(dir.join('lists'), dir.join('before'));
    renameSync(dir.join('next'), dir.join('lists'));
    // Without a notice, the file is read again after 10 seconds.
    const isRead = (text: string) => (): true | undefined => texts.at(-1) === text || undefined;
    await poll('the file of the new directory', isRead('two'), { timeoutMs: 5_000 });
    await writeFile(path, 'three');
    await poll('its change', isRead('three'), { timeoutMs: 5_000 });
  });

  test('reading that throws or rejects: is reported, and later changes are read', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await writeFile(path, '');
    const failures: unknown[] = [];
    let readings = 0;
    const read = (): Promise<undefined> => {
      readings += 1;
      if (failures.length === 0) throw new Error('thrown');
      return failures.length === 1 ? Promise.reject(new Error('rejected')) : Promise.resolve(undefined);
    };
    const watched = watchFile(path, { read, failed: (error) => failures.push(error) });
    using _closing = { [Symbol.dispose]: () => watched.close() };
    await writeFile(path, 'x');
    await poll('the first failure', () => failures.length > 0 || undefined);
    await writeFile(path, 'y');
    await poll('the second failure', () => failures.length > 1 || undefined);
    await writeFile(path, 'z');
    await poll('a reading after both', () => readings > 2 || undefined);
    assert.deepEqual(failures.map(String), ['Error: thrown', 'Error: rejected']);
  });

  test('closed during a reading: is not read again', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await writeFile(path, '');
    let readings = 0;
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const read = async (): Promise<number> => {
      readings += 1;
      begun.resolve();
      await ended.promise;
      return 1;
    };
    const watched = watchFile(path, { read, failed: (error) => assert.fail(String(error)) });
    await writeFile(path, 'x');
    await begun.promise;
    watched.close();
    ended.resolve();
    await writeFile(path, 'y');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(readings, 1);
  });

  test('no inotify watch is left: the file is read every ten seconds, and is watched once one is free', async (t) => {
    await using dir = await makeTempDir();
    const path = dir.join('list');
    await writeFile(path, '');
    t.mock.timers.enable({ apis: ['setInterval'] });
    const unwatched: unknown[] = [];
    let read = Promise.withResolvers<void>();
    const next = async (): Promise<void> => {
      await read.promise;
      read = Promise.withResolvers();
    };
    using watches = new DisposableStack();
    watches.use(withoutWatches());
    const watched = watchFile(path, {
      read: async () => {
        read.resolve();
        return undefined;
      },
      failed: (error) => assert.fail(String(error)),
      unwatched: (error) => unwatched.push(error),
    });
    using _closing = { [Symbol.dispose]: () => watched.close() };
    assert.match(String(unwatched), /^Error: ENOSPC/);
    for (let readings = 0; readings < 2; readings += 1) {
      t.mock.timers.tick(10_000);
      await next();
    }
    assert.equal(unwatched.length, 1, 'reported once');
    watches.dispose();
    t.mock.timers.tick(10_000);
    await next();
    await writeFile(path, 'x');
    await next();
  });
});
