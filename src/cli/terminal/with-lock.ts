import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { openNewFile } from '../../net/open-new-file.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';

/** How often it is tried again while another process has the lock, ms. */
const retryMs = 50;

/**
 * Runs something while a lock file, `path` with `.lock` at its end, keeps out other processes that do the same. The file
 * names this process and its host.
 * @throws {Error} that names the lock file and its process, when it still exists after `timeout` ms; or the system's.
 */
export async function withLock<T>(path: string, timeout: number, run: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const deadline = performance.now() + timeout;
  let file = await openNewFile(lock);
  while (file === undefined) {
    if (performance.now() >= deadline)
      throw new Error(
        `${lock} exists: ${await holderOf(lock)} is changing the list, or ended without removing the lock; remove it if that process does not run`,
      );
    await delay(retryMs);
    file = await openNewFile(lock);
  }
  try {
    try {
      await file.writeFile(`${process.pid} ${hostname()}\n`);
    } finally {
      await file.close();
    }
    return await run();
  } finally {
    await rm(lock, { force: true });
  }
}

/** The process that a lock file names. Its text is not quoted unless it has the form that is written here. */
async function holderOf(lock: string): Promise<string> {
  const text = await readRegularFile(lock).catch(() => '');
  const [, pid, host] = /^(\d{1,10}) ([\w.-]{1,253})\n$/.exec(text.toString()) ?? [];
  return pid === undefined ? 'another process' : `process ${pid} on ${host}`;
}
