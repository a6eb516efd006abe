import { join } from 'node:path';

import { mapBounded } from '../../net/map-bounded.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { hasLostBytes, isFolderName, isInputName } from './names.ts';

const concurrentStats = 16;

/** The entries of a directory that the source reads. */
export interface Listing {
  /** Names of files. The value is true for a symbolic link. */
  readonly files: ReadonlyMap<string, boolean>;
  /** Sorted names of directories to read, including links to directories, and those in `broken`. */
  readonly folders: readonly string[];
  /** Links for which the system does not say whether they lead to a directory, with its error. */
  readonly broken: ReadonlyMap<string, unknown>;
}

/**
 * Lists a folder. Rejects with the error of the system. Also rejects if two entries have the same name because one of
 * them is not UTF-8: a read would return the other entry.
 */
export async function listFolder(io: DirectoryIo, folder: Folder): Promise<Listing> {
  if (folder.only !== undefined)
    return { files: new Map([[folder.only, true]]), folders: [], broken: new Map() };
  const entries = await io.list(folder.path);
  assertDistinct(entries.map(({ name }) => name));
  const files = entries.filter(({ name }) => isInputName(name));
  const others = entries.filter(({ name }) => isFolderName(name));
  const broken = new Map<string, unknown>();
  const folders = await mapBounded(others, concurrentStats, async (entry) => {
    if (entry.isDirectory()) return [entry.name];
    if (!entry.isSymbolicLink()) return [];
    try {
      return (await io.stat(join(folder.path, entry.name))).isDirectory() ? [entry.name] : [];
    } catch (error) {
      // Its directory may only be out of reach, so this is not a deletion.
      broken.set(entry.name, error);
      return [entry.name];
    }
  });
  return {
    files: new Map(files.map((entry) => [entry.name, entry.isSymbolicLink()])),
    folders: folders.flat().sort(),
    broken,
  };
}

function assertDistinct(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names.filter(hasLostBytes)) {
    if (seen.has(name)) throw new Error(`two entries are called ${name}: the name of one is not UTF-8`);
    seen.add(name);
  }
}
