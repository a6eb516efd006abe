import { unlink } from 'node:fs/promises';
import { mapBounded } from '../../net/map-bounded.ts';
import { syncDirectory } from '../../net/sync-directory.ts';
import { checkStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';

/** Number of files that are changed at a time: most of the time is spent waiting for the disk. */
const concurrentChanges = 8;

/**
 * Calls `change` for each item, and returns once the changed files are on disk. `change` uses `replaceUnsynced` and
 * `removeUnsynced` for files of this directory, which is synced once for all of them: otherwise each of 10,000 files
 * would wait for the disk twice. Returns the result of each item, in order. If the directory cannot be synced, every
 * item has failed: after a power loss, a removed CA could be back.
 */
export async function changeFiles<Item, Result>(
  directory: string,
  items: readonly Item[],
  change: (item: Item) => Promise<Result>,
): Promise<readonly PromiseSettledResult<Result>[]> {
  const results = await mapBounded(items, concurrentChanges, (item) => settle(change(item)));
  if (results.every(({ status }) => status === 'rejected')) return results;
  const synced = await settle(syncDirectory(directory));
  if (synced.status === 'fulfilled') return results;
  return results.map((result) => (result.status === 'rejected' ? result : synced));
}

/**
 * Removes a file of the state directory, if it exists. A power loss can restore the file until the caller has synced
 * its directory. A directory that is missing is an error: the file is still there once the directory is back, for
 * example the mount of a volume.
 * @throws {Error} the system's error, or the directory is not the one with this key.
 */
export async function removeUnsynced(path: string, directory: string, key: StateKey): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await checkStateDirectory(directory, key);
  }
}

async function settle<Result>(work: Promise<Result>): Promise<PromiseSettledResult<Result>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}
