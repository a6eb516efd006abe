import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { oneAtATime } from './one-at-a-time.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** Interval at which the file is read again without a notification, in milliseconds. */
const rereadMs = 10_000;

/** The callbacks of a watched file. */
export interface FileReader {
  /**
   * Reads the file. Returns the milliseconds after which it must be read again, because its content is not settled, or
   * `undefined`. Calls do not overlap: an older reading must not arrive after a newer one.
   */
  readonly read: () => Promise<number | undefined>;
  /** A reading threw. The file is read again as after any other reading. */
  readonly failed: (error: unknown) => void;
  /**
   * The file cannot be watched, for example because no inotify watch is left (ENOSPC, EMFILE): only the interval of ten
   * seconds remains, in which a watch is tried again. Called once until the file is watched again.
   */
  readonly unwatched?: (error: unknown) => void;
}

/**
 * Calls `read` at each change of a file, and every ten seconds, until it is closed. It is for lists whose
 * changes must have an effect at once. Other files are followed with `followFile`.
 */
export function watchFile(path: string, { read, failed, unwatched }: FileReader): { close(): void } {
  let settling: NodeJS.Timeout | undefined;
  let closed = false;
  const readNext = oneAtATime(async () => {
    if (closed) return;
    try {
      const againMs = await read();
      if (closed) return;
      clearTimeout(settling);
      if (againMs !== undefined) settling = setTimeout(reread, timerMs(againMs));
    } catch (error) {
      if (!closed) failed(error);
    }
  });
  const reread = (): void => void readNext();
  const directory = dirname(path);
  let watcher: FSWatcher | undefined;
  let isReported = false;
  const endWatch = (error: unknown): void => {
    watcher?.close();
    watcher = undefined;
    if (!isReported) unwatched?.(error);
    isReported = true;
  };
  const ensureWatch = (): void => {
    if (watcher !== undefined) return;
    try {
      // The directory is watched, because editors and mounted ConfigMaps replace the file.
      watcher = watch(directory, (kind, name) => {
        // The directory itself was moved or deleted, so another one may be in its place. Or an entry has its name.
        if (kind === 'rename' && (name === '.' || name === basename(directory))) renewWatch();
        else if (name === null || name === basename(path) || name.startsWith('..')) reread();
      });
      watcher.on('error', endWatch);
      isReported = false;
    } catch (error) {
      endWatch(error);
    }
  };
  const renewWatch = (): void => {
    watcher?.close();
    watcher = undefined;
    ensureWatch();
    reread();
  };
  ensureWatch();
  const timer = setInterval(() => {
    ensureWatch();
    reread();
  }, rereadMs);
  return {
    close: () => {
      closed = true;
      watcher?.close();
      clearInterval(timer);
      clearTimeout(settling);
    },
  };
}
