import { join } from 'node:path';

import { mapBounded } from '../../async/map-bounded.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { hasLostBytes, isFolderName, isInputName } from './names.ts';

const concurrentStats = 16;

/** What a directory holds that is of interest. */
export interface Listing {
  /** Names of files; the value tells whether the entry is a symbolic link. */
  readonly files: ReadonlyMap<string, boolean>;
  /** Names of directories to descend into, links to directories included; sorted. */
  readonly folders: readonly string[];
}

/**
 * Lists a folder. Rejects with the system's error where that cannot be done, and where the names of two entries are
 * the same because one of them is not UTF-8: the other would be read in its place.
 */
export async function listFolder(io: DirectoryIo, folder: Folder): Promise<Listing> {
  if (folder.only !== undefined) return { files: new Map([[folder.only, true]]), folders: [] };
  const entries = await io.list(folder.path);
  assertTellsApart(entries.map(({ name }) => name));
  const files = entries.filter(({ name }) => isInputName(name));
  const others = entries.filter(({ name }) => isFolderName(name));
  const folders = await mapBounded(others, concurrentStats, async (entry) =>
    entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(io, join(folder.path, entry.name))))
      ? [entry.name]
      : [],
  );
  return {
    files: new Map(files.map((entry) => [entry.name, entry.isSymbolicLink()])),
    folders: folders.flat().sort(),
  };
}

function assertTellsApart(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names.filter(hasLostBytes)) {
    if (seen.has(name)) throw new Error(`it has two entries called ${name}: the name of one is not UTF-8`);
    seen.add(name);
  }
}

/** Whether there is a directory at this path, links followed; false where that cannot be told. */
export async function isDirectory(io: DirectoryIo, path: string): Promise<boolean> {
  try {
    return (await io.stat(path)).isDirectory();
  } catch {
    return false;
  }
}
