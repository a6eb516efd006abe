import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Creates a directory and those above it, as far as they are absent. `mkdir` of Node.js with `recursive` never ends
 * where the system reports a directory as missing although the one above it exists, such as below `/proc`.
 * @throws {Error} the system's error.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  if ((await attempt(path, mode)) === undefined) return;
  const above = dirname(path);
  if (above !== path) await makeDirectory(above, mode);
  const failure = await attempt(path, mode);
  if (failure !== undefined) throw failure;
}

/** Creates a directory if it is absent. Returns the error if the one above it is missing. */
async function attempt(path: string, mode: number): Promise<Error | undefined> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return error as Error;
    // A file of that name is noticed when it is used.
    if (code !== 'EEXIST') throw error;
  }
  return undefined;
}
