import { createHash } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lossWindow } from '../../trust/ledger/guard.ts';
import { writeNewFile } from '../../net/open-new-file.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import type { AnchorReader } from '../../trust/x509/anchor-reader.ts';
import type { Clock } from '../clock.ts';
import { decodeLastGood, encodeLastGood } from './last-good-document.ts';
import type { LastGood } from './last-good-document.ts';
import { openStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';
import { createWriteQueue, safeReport } from './write-queue.ts';
import { mapBounded } from '../../net/map-bounded.ts';
import { reasonOf, reasonWithPlace } from '../../text/system-error.ts';

export interface LastGoodOptions {
  readonly directory: string;
  readonly reader: AnchorReader;
  readonly clock: Clock;
  /** While it returns false nothing is written: a held mass loss must not reach the disk either. */
  readonly mayWrite: () => boolean;
  readonly onError: (message: string) => void;
  /** Called for each file that was written or removed, or could not be. */
  readonly onWrite?: ((result: 'ok' | 'error') => void) | undefined;
}

export interface LastGoodStore {
  /**
   * Returns all readable states. Unreadable ones are passed to `onError` and left out.
   * @throws {Error} if the directory cannot be used, or other users may write to it.
   */
  load(): Promise<readonly LastGood[]>;
  /** Keeps the state, after the time in which it can be part of a mass loss. Without grants it removes the path. */
  save(state: LastGood): void;
  /** Writes all waiting states now, if they may be written. */
  flush(): Promise<void>;
  /** Milliseconds since the oldest change that is not on disk; 0 if all are. */
  behindMs(): number;
}

/**
 * Milliseconds until a change is written. A mass loss arrives one by one: removals before it is recognised are held as
 * well, and must still be on disk.
 */
const writeDelay = lossWindow + 200;
/** Time between two attempts while nothing may be written, in milliseconds. */
const retryDelay = 200;
/** Number of files that are written at a time: most of the time is spent waiting for the disk. */
const concurrentWrites = 8;
const suffix = '.lastgood';

/**
 * Creates a store of the last good state of each path, in one checksummed file each, so that a restart serves the
 * same.
 */
export function createLastGoodStore({
  directory,
  reader,
  clock,
  mayWrite,
  ...callbacks
}: LastGoodOptions): LastGoodStore {
  const onError = safeReport(callbacks.onError);
  const onWrite = callbacks.onWrite && safeReport(callbacks.onWrite);
  /** Waiting states, in the order in which they are due. */
  const waiting = new Map<string, { readonly state: LastGood; readonly due: number }>();
  /** When each file became out of date. A successful write removes its entry. */
  const behind = new Map<string, number>();
  let cancelTimer: (() => void) | undefined;
  const enqueue = createWriteQueue();
  let opening: Promise<StateKey> | undefined;
  const keyOf = (): Promise<StateKey> => (opening ??= openStateDirectory(directory));

  const writeOne = async (file: string, state: LastGood): Promise<void> => {
    const path = join(directory, file);
    try {
      if (state.grants.length === 0) await rm(path, { force: true });
      else {
        const text = encodeLastGood(state, await keyOf());
        // Left by a crash, or a named pipe or link that another process created, which is not opened.
        await rm(`${path}.new`, { force: true, recursive: true });
        await writeNewFile(`${path}.new`, text);
        await rename(`${path}.new`, path);
      }
      if (!waiting.has(file)) behind.delete(file);
      onWrite?.('ok');
    } catch (error) {
      onWrite?.('error');
      onError(`the last good state of ${state.path} cannot be kept: ${reasonWithPlace(error)}`);
    }
  };
  const writeDue = async (until: number): Promise<void> => {
    cancelTimer?.();
    cancelTimer = undefined;
    try {
      const due = mayWrite() ? [...waiting].filter(([, item]) => item.due <= until) : [];
      for (const [file] of due) waiting.delete(file);
      await mapBounded(due, concurrentWrites, ([file, { state }]) => writeOne(file, state));
    } finally {
      arm();
    }
  };
  const write = (until: number): Promise<void> => enqueue(() => writeDue(until));
  const arm = (): void => {
    const [next] = waiting.values();
    if (next === undefined) return;
    const wait = Math.max(next.due - clock.monotonic(), retryDelay);
    cancelTimer ??= clock.after(wait, () => void write(clock.monotonic()));
  };

  return {
    async load() {
      const key = await keyOf();
      const states: LastGood[] = [];
      for (const file of (await readdir(directory)).sort()) {
        if (!file.endsWith(suffix)) continue;
        try {
          states.push(
            decodeLastGood((await readRegularFile(join(directory, file))).toString('utf8'), reader, key),
          );
        } catch (error) {
          onError(`${join(directory, file)} cannot be read back: ${reasonOf(error)}`);
        }
      }
      return states;
    },
    save(state) {
      const file = fileOf(state);
      waiting.delete(file);
      waiting.set(file, { state, due: clock.monotonic() + writeDelay });
      if (!behind.has(file)) behind.set(file, clock.monotonic());
      arm();
    },
    async flush() {
      await write(Infinity);
      cancelTimer?.();
      cancelTimer = undefined;
    },
    behindMs() {
      // In the order in which they became out of date.
      const [since] = behind.values();
      return since === undefined ? 0 : clock.monotonic() - since;
    },
  };
}

function fileOf({ source, path }: LastGood): string {
  return createHash('sha256').update(`${source}\0${path}`).digest('hex') + suffix;
}
