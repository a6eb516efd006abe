import { dirname, resolve } from 'node:path';

import type { DirectoryIo } from './io.ts';
import { createTargets } from './targets.ts';

/** The names by which the roots are found: their own, those of their directories, and symbolic links above them. */
export interface RootNames {
  /** Watches the names that are not watched yet, or that may lead to other directories now. Never throws. */
  follow(): Promise<void>;
  close(): void;
}

interface RootName {
  readonly root: string;
  readonly path: string;
}

/**
 * Creates a watch on the names of roots. `onNotice` is called at each notice about a name of a root: the watch of a
 * directory has no notice if another directory gets its path.
 */
export function createRootNames(
  io: DirectoryIo,
  roots: readonly string[],
  onNotice: (root: string) => void,
): RootNames {
  const targets = createTargets(io);
  let names: readonly RootName[] = [];
  let isStale = true;
  let isComplete = false;

  const keyOf = ({ root, path }: RootName): string => `${root}\0${path}`;

  function track(name: RootName): boolean {
    return targets.track(keyOf(name), name.path, () => {
      isStale = true;
      onNotice(name.root);
    });
  }

  return {
    follow: async () => {
      if (isStale) {
        // Before the links are read: a notice during that must not be lost.
        isStale = false;
        const found = await Promise.all(roots.map((root) => namesOf(io, root)));
        // The watches of directories below a link are on the directories to which it led before.
        for (const name of names) targets.track(keyOf(name), undefined, () => {});
        names = found.flat();
        isComplete = false;
      }
      if (!isComplete) isComplete = names.map(track).every(Boolean);
    },
    close: () => targets.close(),
  };
}

async function namesOf(io: DirectoryIo, root: string): Promise<readonly RootName[]> {
  const names = await Promise.all(
    pathsTo(resolve(root)).map(async (path, above) => (above <= 1 || (await isLink(io, path)) ? [path] : [])),
  );
  return names.flat().map((path) => ({ root, path }));
}

/** Returns a path and all directories above it, without the root of the file system. */
function pathsTo(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [] : [path, ...pathsTo(above)];
}

async function isLink(io: DirectoryIo, path: string): Promise<boolean> {
  return io.lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    () => false,
  );
}
