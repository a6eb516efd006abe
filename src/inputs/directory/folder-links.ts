import { basename } from 'node:path';

import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { linksBehind } from './links.ts';
import type { Targets } from './targets.ts';

/** Watches the links on the way to the folders that are links. */
export interface FolderLinks {
  /** Watches the links on the way to a folder. Never throws. */
  follow(folder: Folder): Promise<void>;
  /** Stops watching the links on the way to a folder. */
  forget(folder: Folder): void;
}

/** Creates an empty set of links. `onChange` is called when a folder may be another directory now. */
export function createFolderLinks(
  io: DirectoryIo,
  targets: Targets,
  onChange: (folder: Folder) => void,
): FolderLinks {
  return {
    follow: async (folder) => {
      const { parent, path } = folder;
      // A root has no parent: `RootNames` watches the links to it.
      if (parent?.real === undefined) return;
      const { links } = await linksBehind(io, parent.real, basename(path));
      if (folder.attached) targets.track(path, links, () => onChange(folder));
    },
    forget: ({ path }) => targets.untrack(path),
  };
}
