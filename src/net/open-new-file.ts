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

/**
 * Creates a file of mode 0600 with this content, and returns once it is on disk. It follows no link, and opens nothing
 * that exists.
 * @throws {Error} if the path exists; or the system's error.
 */
export async function writeNewFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await openNewFile(path);
  if (file === undefined) throw new Error(`${path} exists`);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
