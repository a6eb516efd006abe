import type { Folder } from './folder.ts';
import type { DirectoryIo, WatchListener } from './io.ts';
import { isMissing, reasonOf } from '../../text/system-error.ts';

/** The watches on folders, and the folders that are polled because the system provides no watch. */
export interface Watches {
  /** Watches the directory that is at the folder's path now, unless it is watched already. */
  ensure(folder: Folder, identity: string): void;
  release(folder: Folder): void;
  readonly polled: ReadonlySet<Folder>;
}

interface WatchesOptions {
  readonly io: DirectoryIo;
  readonly listener: (folder: Folder, ...event: Parameters<WatchListener>) => void;
  /** Called when a watch has ended without `release`. */
  readonly onEnd: (folder: Folder) => void;
  /** Called once for each folder for which the system provides no watch (ENOSPC, EMFILE: the limits of inotify). */
  readonly onPolling: (path: string, reason: string) => void;
}

/** Creates an empty set of watches. */
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
      // If the directory does not exist any more, the listing that follows reports it.
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
