import { rename, rm } from 'node:fs/promises';
import { writeNewFile } from './open-new-file.ts';

/**
 * Replaces a file of the program's own, completely or not at all. Its mode is 0600.
 * @throws {Error} the system's error.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  // Left by a crash, or a named pipe or link that another process created, which is not opened.
  await rm(`${path}.new`, { force: true, recursive: true });
  await writeNewFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
