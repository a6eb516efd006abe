import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, lstat, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../net/make-directory.ts';
import { writeNewFile } from '../../net/open-new-file.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { syncDirectory } from '../../net/sync-directory.ts';

/** Binds texts to the directory that holds its key. */
export interface StateKey {
  /** Returns the keyed checksum of a text (HMAC-SHA-256), lower-case hex. */
  sign(text: string): string;
  /** Returns whether a checksum belongs to the text, in the same time for every checksum of that length. */
  verify(text: string, checksum: string): boolean;
}

const keyName = 'key';
const keyBytes = 32;
const groupBits = 0o070;
const writeBits = 0o022;

/** Creates a key from its bytes. */
export function stateKeyOf(bytes: Uint8Array): StateKey {
  const sign = (text: string): string => createHmac('sha256', bytes).update(text).digest('hex');
  return {
    sign,
    verify(text, checksum) {
      const [expected, given] = [Buffer.from(sign(text)), Buffer.from(checksum)];
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}

/**
 * Creates the directory and its key if they are absent, and returns the key. The files of the directory are served at a
 * start beside a broken source, so no other user may write to it.
 * @throws {Error} if other users may write to the directory, or read the key.
 */
export async function openStateDirectory(directory: string): Promise<StateKey> {
  await makeDirectory(directory, 0o700);
  const found = await stat(directory);
  const permissions = (found.mode & 0o7777).toString(8);
  if ((othersMay(found, ourIds()) & writeBits) !== 0)
    throw new Error(
      `${directory} can be written by others (mode ${permissions}): chmod go-w, or name a directory below it, which is made`,
    );
  if (!isTrusted(found.uid)) throw new Error(`${directory} belongs to another user (uid ${found.uid})`);
  const path = join(directory, keyName);
  await createKey(directory, path);
  const key = await stat(path);
  if (othersMay(key, ourIds()) !== 0 || !isTrusted(key.uid))
    throw new Error(`${path} can be read or written by others: its mode must be 600`);
  const bytes = await readRegularFile(path);
  if (bytes.length !== keyBytes) throw new Error(`${path} is not a key: it has ${bytes.length} bytes`);
  return stateKeyOf(bytes);
}

/**
 * Checks that a directory is still the one that was opened. A mount point without its volume is an empty directory.
 * @throws {Error} if the key is absent, or is another one: the files of this key are elsewhere.
 */
export async function checkStateDirectory(directory: string, key: StateKey): Promise<void> {
  const path = join(directory, keyName);
  if (stateKeyOf(await readRegularFile(path)).sign('') !== key.sign(''))
    throw new Error(`${path} is not the key of the start: another directory is in its place`);
}

/** A user and its group. */
export interface Ids {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/**
 * Returns the permission bits (0 to 0o77) that other users have on a file. A group with the user's number is the user's
 * own and does not count: Kubernetes gives it permissions on every file of a volume with `fsGroup`.
 */
export function othersMay({ mode, gid }: { readonly mode: number; readonly gid: number }, ours: Ids): number {
  const bits = mode & 0o077;
  return gid === ours.gid && gid === ours.uid ? bits & ~groupBits : bits;
}

function ourIds(): Ids {
  return { uid: process.getuid?.(), gid: process.getgid?.() };
}

/** Returns true for the user itself, and for root, who may write everything anyway. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.() || process.getuid === undefined;
}

/** Creates the key if it is absent, completely or not at all: a crash must not leave half a key. */
async function createKey(directory: string, path: string): Promise<void> {
  const found = await lstat(path).catch(ifMissing);
  // Earlier versions left an empty key after a crash. It has signed nothing.
  const isEmpty = found?.isFile() === true && found.size === 0;
  if (found !== undefined && !isEmpty) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeNewFile(temporary, randomBytes(keyBytes));
    if (isEmpty) await rename(temporary, path);
    else await linkOnce(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(directory);
}

/** Renames a file unless the new name exists, so that two servers that start at once have one key. */
async function linkOnce(file: string, path: string): Promise<void> {
  try {
    await link(file, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // Some network file systems have no hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(file, path);
  }
}

function ifMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
