import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { openNewFile } from '../../net/open-new-file.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';

/** Milliseconds between two attempts to create the lock file. */
const retryMs = 50;

/**
 * Runs a function while this process holds the lock file `path.lock`, which excludes other processes that use this
 * function. The file names the process and its host.
 * @throws {Error} if the lock file still exists after `timeout` ms (the message names the file and its process); or the
 * error of the system.
 */
export async function withLock<T>(path: string, timeout: number, run: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const deadline = performance.now() + timeout;
  let file = await openNewFile(lock);
  while (file === undefined) {
    if (performance.now() >= deadline)
      throw new Error(
        `lock file ${lock} exists: ${await holderOf(lock)} is changing ${path}, or ended without removing the lock; remove the lock if that process does not run`,
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
    // The result of `run` counts: a change that was made must not be reported as an error. The next command names the
    // lock.
    await rm(lock, { force: true }).catch(() => undefined);
  }
}

/** Returns the process that a lock file names. Quotes the file only if it has the format that this module writes. */
async function holderOf(lock: string): Promise<string> {
  const text = await readRegularFile(lock).catch(() => '');
  const [, pid, host] = /^(\d{1,10}) ([\w.-]{1,253})\n$/.exec(text.toString()) ?? [];
  return pid === undefined ? 'another process' : `process ${pid} on ${host}`;
}
