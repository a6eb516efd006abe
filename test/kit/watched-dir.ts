import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A directory that a running program watches, written to the way tools do. */
export interface WatchedDir {
  /** Writes a new file beside and renames it into place. */
  readonly put: (name: string, text: string) => Promise<void>;
  /** Writes over the file in place, as an editor or a shell redirection does. */
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
      // The name is not that of a resource, and the file system is the same, so that the rename is atomic.
      await overwrite(`.${name}.tmp`, text);
      await rename(join(dir, `.${name}.tmp`), join(dir, name));
    },
    overwrite,
    remove: (name) => rm(join(dir, name)),
  };
}
