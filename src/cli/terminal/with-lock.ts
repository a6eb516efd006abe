import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { openNewFile } from '../../net/open-new-file.ts';

/** How often it is tried again while somebody else has the lock, ms. */
const retryMs = 50;

/**
 * Runs something while a lock file, `path` with `.lock` at its end, keeps others out that do the same.
 * @throws {Error} that names the lock file, when it is still there after `timeout` ms; or the system's.
 */
export async function withLock<T>(path: string, timeout: number, run: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const deadline = performance.now() + timeout;
  let file = await openNewFile(lock);
  while (file === undefined) {
    if (performance.now() >= deadline)
      throw new Error(
        `${lock} is there: somebody else is changing the list, or was ended meanwhile; remove it if nobody is`,
      );
    await delay(retryMs);
    file = await openNewFile(lock);
  }
  try {
    await file.close();
    return await run();
  } finally {
    await rm(lock, { force: true });
  }
}
