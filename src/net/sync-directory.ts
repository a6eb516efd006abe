import { open } from 'node:fs/promises';
import { reasonOf } from '../text/system-error.ts';

/**
 * Codes of directories that cannot be synced: the file system does not support it (EINVAL, ENOTSUP), nor does Windows
 * (EPERM), or the directory may be written but not read (EACCES).
 */
const unsupported: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EACCES']);

/**
 * Writes the names in a directory to disk. Without it, a power loss can undo the files that were created, replaced or
 * removed before, although the contents of the files are on disk (fsync(2)). Does nothing where the system refuses it.
 * @throws {Error} if the directory is missing, or could not be written.
 */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (unsupported.has((error as NodeJS.ErrnoException).code)) return;
    throw new Error(`the directory ${directory} cannot be synced: ${reasonOf(error)}`, { cause: error });
  }
}
