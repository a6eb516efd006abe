import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeNewFile } from './open-new-file.ts';
import { syncDirectory } from './sync-directory.ts';

/**
 * Replaces a file of the program's own, completely or not at all. Its mode is 0600. The new file is on disk when the
 * call returns. For many files of one directory, use `replaceUnsynced`.
 * @throws {Error} the system's error.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  await replaceUnsynced(path, text);
  await syncDirectory(dirname(path));
}

/**
 * Does the same as `replaceFile`, but a power loss can restore the previous file until the caller has synced the
 * directory.
 * @throws {Error} the system's error.
 */
export async function replaceUnsynced(path: string, text: string): Promise<void> {
  // Left by a crash, or a named pipe or link that another process created, which is not opened.
  await rm(`${path}.new`, { force: true, recursive: true });
  await writeNewFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
