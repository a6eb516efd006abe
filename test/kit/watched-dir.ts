import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A directory that a running program watches, with write operations as tools do them. */
export interface WatchedDir {
  /** Writes a temporary file and renames it into place. */
  readonly put: (name: string, text: string) => Promise<void>;
  /** Overwrites the file in place, as an editor or a shell redirection does. */
  readonly overwrite: (name: string, text: string | Uint8Array) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
}

/** Writes, replaces and removes files under `dir`. */
export function watchedDir(dir: string): WatchedDir {
  const overwrite = async (name: string, text: string | Uint8Array) => {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  };
  return {
    put: async (name, text) => {
      // The temporary name is not a resource's, and on the same file system, so that the rename is atomic.
      await overwrite(`.${name}.tmp`, text);
      await rename(join(dir, `.${name}.tmp`), join(dir, name));
    },
    overwrite,
    remove: (name) => rm(join(dir, name)),
  };
}
