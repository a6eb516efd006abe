import { rename, rm, unlink } from 'node:fs/promises';
import { writeNewFile } from '../../net/open-new-file.ts';
import { checkStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';

/**
 * Replaces a file of the state directory, completely or not at all.
 * @throws {Error} the system's error.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  // Left by a crash, or a named pipe or link that another process created, which is not opened.
  await rm(`${path}.new`, { force: true, recursive: true });
  await writeNewFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/**
 * Removes a file of the state directory, if it exists. A directory that is missing is an error: the file is still there
 * once the directory is back, for example the mount of a volume.
 * @throws {Error} the system's error, or the directory is not the one with this key.
 */
export async function removeFile(path: string, directory: string, key: StateKey): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await checkStateDirectory(directory, key);
  }
}
