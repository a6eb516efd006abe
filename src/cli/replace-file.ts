import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
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
