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
  const names = new Map<string, readonly RootName[]>();
  /** The roots whose names may be others now. */
  const stale = new Set(roots);
  /** The roots without a watch of each of their names. */
  const unwatched = new Set<string>();

  const keyOf = ({ root, path }: RootName): string => `${root}\0${path}`;

  function track(name: RootName): boolean {
    return targets.track(keyOf(name), name.path, () => {
      stale.add(name.root);
      onNotice(name.root);
    });
  }

  async function findNames(some: readonly string[]): Promise<void> {
    const found = await Promise.all(some.map((root) => namesOf(io, root)));
    // The watches of directories below a link are on the directories to which it led before. All that share one have
    // the link among their names, so none of them keeps it open.
    for (const root of some)
      for (const name of names.get(root) ?? []) targets.track(keyOf(name), undefined, () => {});
    for (const [index, root] of some.entries()) names.set(root, found[index] ?? []);
  }

  return {
    follow: async () => {
      if (stale.size > 0) {
        const some = [...stale];
        // Before the links are read: a notice during that must not be lost.
        stale.clear();
        await findNames(some);
        for (const root of some) unwatched.add(root);
      }
      for (const root of unwatched) {
        const isComplete = (names.get(root) ?? []).map(track).every(Boolean);
        if (isComplete) unwatched.delete(root);
      }
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
