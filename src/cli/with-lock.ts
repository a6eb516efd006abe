import { open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How often it is tried again while somebody else has the lock, ms. */
const retryMs = 50;

/**
 * Runs something while a lock file, `path` with `.lock` at its end, keeps others out that do the same.
 * @throws {Error} that names the lock file, when it is still there after `timeout` ms; or the system's.
 */
export async function withLock<T>(path: string, timeout: number, run: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const deadline = performance.now() + timeout;
  while (!(await create(lock))) {
    if (performance.now() >= deadline)
      throw new Error(
        `${lock} is there: somebody else is changing the list, or was ended meanwhile; remove it if nobody is`,
      );
    await delay(retryMs);
  }
  try {
    return await run();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Returns false if the file is there already. */
async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
