import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/**
 * Creates a file of mode 0600 and opens it for writing. Returns undefined if the path exists.
 * @throws {Error} the system's error.
 */
export async function openNewFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}
