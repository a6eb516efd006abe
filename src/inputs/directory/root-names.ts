import { dirname, resolve } from 'node:path';

import type { DirectoryIo } from './io.ts';
import { resolveLinks } from './links.ts';
import { createTargets } from './targets.ts';

/** The names by which the roots are found: their own, those of their directories, and of symbolic links to them. */
export interface RootNames {
  /** Watches the names that are not watched yet, or that may lead to other directories now. Never throws. */
  follow(): Promise<void>;
  close(): void;
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
  const names = new Map<string, readonly string[]>();
  /** The roots whose names may be others now. */
  const stale = new Set(roots);
  /** The roots without a watch of each of their names. */
  const unwatched = new Set<string>();

  function track(root: string): boolean {
    return targets.track(root, names.get(root) ?? [], () => {
      stale.add(root);
      onNotice(root);
    });
  }

  async function findNames(some: readonly string[]): Promise<void> {
    const found = await Promise.all(some.map((root) => namesOf(io, root)));
    // The watches of directories below a link are on the directories to which it led before. All that share one have
    // the link among their names, so none of them keeps it open.
    for (const root of some) targets.untrack(root);
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
        if (track(root)) unwatched.delete(root);
      }
    },
    close: () => targets.close(),
  };
}

/** Returns the paths of a root, of its directory, and of the links by which it is found. */
async function namesOf(io: DirectoryIo, root: string): Promise<readonly string[]> {
  const path = resolve(root);
  const { links } = await resolveLinks(io, '/', path);
  // The root of the file system has no name.
  return [...new Set([path, dirname(path), ...links])].filter((name) => dirname(name) !== name);
}
