import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Returns the `LD_LIBRARY_PATH` of programs whose packages were unpacked, and not installed. `usr`: their folder `usr`.
 */
export async function libraryPath(usr: string): Promise<string> {
  const lib = join(usr, 'lib');
  const files = await readdir(lib, { recursive: true });
  const folders = files.filter((file) => /\.so[.\d]*$/.test(file)).map((file) => join(lib, dirname(file)));
  return [...new Set(folders)].join(':');
}
