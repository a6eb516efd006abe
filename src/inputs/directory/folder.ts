import type { BigIntStats } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import type { Watch } from './io.ts';

/** A directory that is read, or the directory of a root that is a single file. */
export interface Folder {
  /** The path as the user wrote the root, joined with the path from the root. */
  readonly path: string;
  /** The path in reports about failures of this folder. */
  readonly label: string;
  /** `undefined` for a root. */
  readonly parent: Folder | undefined;
  /** The name of the file, for a root that is a single file. Other entries of the directory are ignored. */
  readonly only: string | undefined;
  readonly children: Map<string, Folder>;
  /** The names of all files that exist or may exist here. The table of files maintains it. */
  readonly files: Set<string>;
  /** The path without symbolic links, if it is known. */
  real: string | undefined;
  /** The identity of the directory that was listed last. Later, another directory can have the same path. */
  identity: string | undefined;
  watch: FolderWatch | undefined;
  /** True while the folder is part of the tree. False after a listing of its parent did not contain it. */
  attached: boolean;
  /** True if another folder reads the same directory. Then nothing is reported for this path. */
  shadowed: boolean;
  /** True if the links of a mounted ConfigMap were swapped since the last listing. */
  swapped: boolean;
  /** True if another directory is at this path since the last listing, so those below it are others as well. */
  replaced: boolean;
  /** True if the folder did not exist at the last attempt to list it, although a listing of its parent contained it. */
  missed: boolean;
  /** True if the last listing of the parent contained the folder as a symbolic link without a target. */
  dangling: boolean;
}

/** A watch, and the identity of its directory, which may have another path now. */
interface FolderWatch {
  readonly identity: string;
  readonly handle: Watch;
}

/** Creates a folder that has not been listed. `label`: a root as the user wrote it, if it is a single file. */
export function createFolder(path: string, parent?: Folder, only?: string, label: string = path): Folder {
  return {
    path,
    label,
    parent,
    only,
    children: new Map(),
    files: new Set(),
    real: undefined,
    identity: undefined,
    watch: undefined,
    attached: true,
    shadowed: false,
    swapped: false,
    replaced: false,
    missed: false,
    dangling: false,
  };
}

/** Returns the identity of a directory. It contains the birth time, because numbers of deleted inodes are reused. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** Returns the path without symbolic links of the directory that contains the files of a folder, if it is known. */
export function realDirectoryOf({ real, only }: Folder): string | undefined {
  return real === undefined || only === undefined ? real : dirname(real);
}

/** Returns true if the links of the folder, or of an ancestor, were swapped and not listed since then. */
export function isSwapping(folder: Folder): boolean {
  return folder.swapped || (folder.parent !== undefined && isSwapping(folder.parent));
}

/** Returns true if the path from the root to the folder contains a symbolic link. */
export function isLinked(folder: Folder): boolean {
  const { parent, real, path } = folder;
  if (parent?.real === undefined || real === undefined) return false;
  return real !== join(parent.real, basename(path)) || isLinked(parent);
}
