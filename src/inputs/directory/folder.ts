import type { BigIntStats } from 'node:fs';
import { basename, join } from 'node:path';

import type { Watch } from './io.ts';

/** One directory that is read, or the part of one that holds a root which is a single file. */
export interface Folder {
  /** As the user named it: the root as given, joined with the way from it. */
  readonly path: string;
  /** Absent for a root. */
  readonly parent: Folder | undefined;
  /** For a root that is a file: its name in this directory; nothing else here is looked at. */
  readonly only: string | undefined;
  readonly children: Map<string, Folder>;
  /** The names of all files that are known or suspected here; kept by the table of files. */
  readonly files: Set<string>;
  /** Its path without symbolic links, once known. */
  real: string | undefined;
  /** Which directory was listed last; another one can be at the same path later. */
  identity: string | undefined;
  watch: FolderWatch | undefined;
  /** Part of the tree; false once a listing of its parent did not have it. */
  attached: boolean;
  /** Another folder reads the same directory; nothing is told under this path. */
  shadowed: boolean;
  /** The links of a mounted ConfigMap have been swapped since the last listing. */
  swapped: boolean;
  /** Was not there at the last look, although its parent had listed it. */
  missed: boolean;
}

/** A watch, and the directory that it is on, which need not be the one at that path any more. */
export interface FolderWatch {
  readonly identity: string;
  readonly handle: Watch;
}

/** Makes a folder that nothing is known of. */
export function createFolder(path: string, parent?: Folder, only?: string): Folder {
  return {
    path,
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
    missed: false,
  };
}

/** What tells one directory from another; the birth time, because numbers of deleted inodes are used again. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** The path under which a failure of this folder is told: what the user named. */
export function labelOf(folder: Folder): string {
  return folder.only === undefined ? folder.path : join(folder.path, folder.only);
}

/** Whether its links, or those on the way to it, were swapped and have not been listed since. */
export function isSwapping(folder: Folder): boolean {
  return folder.swapped || (folder.parent !== undefined && isSwapping(folder.parent));
}

/** Whether the way to it from its root leads through a symbolic link. */
export function isLinked(folder: Folder): boolean {
  const { parent, real, path } = folder;
  if (parent?.real === undefined || real === undefined) return false;
  return real !== join(parent.real, basename(path)) || isLinked(parent);
}
