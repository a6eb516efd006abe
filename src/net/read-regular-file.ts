import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Longest file that is read: lists of hashes, tokens, keys and certificates are far shorter. */
const longest = 16 * 1024 * 1024;

/**
 * Reads a file that the program follows. Opened without blocking, and only if it is a regular file: to open a named pipe
 * would hold one of the few threads for files until somebody writes to it, and a device may never end.
 * @throws {Error} the system's error; or one that names the path, if it is no regular file or too long.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    if (stat.size > longest) throw new Error(`${path} is ${stat.size} bytes long; the limit is ${longest}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
