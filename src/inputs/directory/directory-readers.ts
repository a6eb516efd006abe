import { join } from 'node:path';
import type { Folder } from './folder.ts';

/** Which folder reads a directory. Each directory is read once, even if it has several paths. */
export interface DirectoryReaders {
  /**
   * Makes the folder the reader of a directory, given by its real path. Returns false if another folder already reads
   * it: then this one must read nothing.
   */
  claim(folder: Folder, real: string): boolean;
  /** The folder does not read its directory any more. */
  release(folder: Folder): void;
  /** The folder is removed, so it is not retried. It must be released as well. */
  forget(folder: Folder): void;
}

/** Creates the readers. `retry` is called with each folder that may claim its directory again. */
export function createDirectoryReaders(retry: (folder: Folder) => void): DirectoryReaders {
  /** By real path. */
  const readers = new Map<string, Folder>();
  /** The folders that read nothing, because another one reads their directory. */
  const shadowed = new Set<Folder>();

  function release(folder: Folder): void {
    if (folder.real === undefined || readers.get(folder.real) !== folder) return;
    readers.delete(folder.real);
    // A folder that this one shadowed can now read the directory.
    for (const other of shadowed) retry(other);
  }

  return {
    claim(folder, real) {
      const key = folder.only === undefined ? real : join(real, folder.only);
      const rival = readers.get(key) ?? (folder.only === undefined ? undefined : readers.get(real));
      if (folder.real !== key) release(folder);
      folder.real = key;
      folder.shadowed = rival !== undefined && rival !== folder;
      if (folder.shadowed) shadowed.add(folder);
      else {
        shadowed.delete(folder);
        readers.set(key, folder);
      }
      return !folder.shadowed;
    },
    release,
    forget: (folder) => void shadowed.delete(folder),
  };
}
