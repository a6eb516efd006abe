import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../../net/sync-directory.ts';
import { reasonOf } from '../../text/system-error.ts';

/** Mode of a new file. It lists public hashes, and a server that runs as another user must be able to read it. */
const newMode = 0o644;

/**
 * Replaces a file by writing a temporary file in the same directory and renaming it, so that no reader sees half of it.
 * Keeps the mode and, if permitted, the owner and the group of the replaced file.
 * @throws {Error} the error of the system.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.chmod(before === undefined ? newMode : before.mode & 0o777);
      if (before !== undefined) await keepOwner(file, before);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await keepReplaced(path);
}

/**
 * Returns once a power loss can no longer undo the replacement of a file, for example of a revocation.
 * @throws {Error} that says so, although the new content is in place.
 */
export async function keepReplaced(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    throw new Error(`its new content is in place, but a power loss can undo it: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Gives a file the owner and the group of another one. Only root can give away a file, but a member of a group can give
 * it to the group: a server that reads the file as another user may be in it.
 */
async function keepOwner(file: FileHandle, { uid, gid }: Stats): Promise<void> {
  try {
    await file.chown(uid, gid);
  } catch {
    await file.chown(keep, gid).catch(() => undefined);
  }
}

/** In place of a user for `chown`: it stays. */
const keep = -1;

/**
 * Resolves symbolic links in a path. Returns the path itself if it does not exist.
 * @throws {Error} if the path is a dangling symbolic link; or the error of the system.
 */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const link = await lstat(path).catch(() => undefined);
    // Between the two calls, another command may have created the list.
    if (link?.isSymbolicLink() === true) throw new Error('it is a dangling symbolic link', { cause: error });
    return path;
  }
}
