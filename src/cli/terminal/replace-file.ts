import { randomBytes } from 'node:crypto';
import { lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Mode of a file that did not exist: a list of public hashes, which a server of another user must be able to read. */
const newMode = 0o644;

/**
 * Writes a file beside its place and renames it into it, so that no reader sees half of it. Keeps the mode and, where
 * it may, the owner of the file that it replaces.
 * @throws {Error} the system's error.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.chmod(before === undefined ? newMode : before.mode & 0o777);
      if (before !== undefined) await file.chown(before.uid, before.gid).catch(() => undefined);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Returns the file that a path leads to; the path itself if nothing is there.
 * @throws {Error} if the path is a link that leads nowhere; or the system's error.
 */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const link = await lstat(path).catch(() => undefined);
    // Another command may have created the list meanwhile.
    if (link?.isSymbolicLink() === true) throw new Error('it is a dangling symbolic link', { cause: error });
    return path;
  }
}
