import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';

/** The longest file that is read. Lists of hashes, tokens, keys and certificates are far shorter. */
const longest = 16 * 1024 * 1024;
const flags = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Reads a file that the program follows. It is opened without blocking, and read only if it is a regular file: opening
 * a named pipe would block one of the few file threads until a writer opens it, and a device may never end.
 * @throws {Error} the system's error; or one that names the path, if it is no regular file or too long.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, flags);
  try {
    assertReadable(path, await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The content of a file. `isWhole`: nothing changed the file while it was read. */
export interface WholeReading {
  readonly content: Buffer;
  readonly isWhole: boolean;
}

/**
 * Does the same as `readRegularFile`, and notices whether the file changed meanwhile.
 * @throws {Error} the same.
 */
export async function readWhole(path: string): Promise<WholeReading> {
  const file = await open(path, flags);
  try {
    const before = await file.stat({ bigint: true });
    assertReadable(path, { isFile: () => before.isFile(), size: Number(before.size) });
    const content = await file.readFile();
    const after = await file.stat({ bigint: true });
    const isWhole =
      before.mtimeNs === after.mtimeNs && before.size === after.size && after.size === BigInt(content.length);
    return { content, isWhole };
  } finally {
    await file.close();
  }
}

/**
 * Does the same as `readRegularFile`, synchronously, for a kubeconfig at the start.
 * @throws {Error} the same.
 */
export function readRegularFileSync(path: string): Buffer {
  const file = openSync(path, flags);
  try {
    assertReadable(path, fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function assertReadable(path: string, stat: Pick<Stats, 'isFile' | 'size'>): void {
  if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
  if (stat.size > longest) throw new Error(`${path} is ${stat.size} bytes long; the limit is ${longest}`);
}
