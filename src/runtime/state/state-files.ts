import { unlink } from 'node:fs/promises';
import { checkStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';

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
