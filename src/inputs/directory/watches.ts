import type { Folder } from './folder.ts';
import type { DirectoryIo, WatchListener } from './io.ts';
import { isMissing, reasonOf } from './system-error.ts';

/** The watches on folders, and the folders that must be polled because none could be had. */
export interface Watches {
  /** Sees to it that the folder is watched, on the directory that is at its path now. */
  ensure(folder: Folder, identity: string): void;
  release(folder: Folder): void;
  readonly polled: ReadonlySet<Folder>;
}

interface WatchesOptions {
  readonly io: DirectoryIo;
  readonly listener: (folder: Folder, ...event: Parameters<WatchListener>) => void;
  /** The watch ended by itself. */
  readonly onEnd: (folder: Folder) => void;
  /** No watch can be had (ENOSPC, EMFILE: the limits of inotify); told once for each folder. */
  readonly onPolling: (path: string, reason: string) => void;
}

/** Makes an empty set of watches. */
export function createWatches({ io, listener, onEnd, onPolling }: WatchesOptions): Watches {
  const polled = new Set<Folder>();

  function ensure(folder: Folder, identity: string): void {
    if (folder.watch?.identity === identity) return;
    folder.watch?.handle.close();
    folder.watch = undefined;
    try {
      const handle = io.watch(
        folder.path,
        (kind, name) => listener(folder, kind, name),
        () => onEnd(folder),
      );
      folder.watch = { identity, handle };
      polled.delete(folder);
    } catch (error) {
      const isNew = !polled.has(folder);
      polled.add(folder);
      // A directory that has just gone is the business of the listing that follows.
      if (isNew && !isMissing(error)) onPolling(folder.path, reasonOf(error));
    }
  }

  return {
    ensure,
    release: (folder) => {
      folder.watch?.handle.close();
      folder.watch = undefined;
      polled.delete(folder);
    },
    polled,
  };
}
