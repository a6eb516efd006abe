import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lossWindow } from '../../trust/ledger/guard.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import type { AnchorReader } from '../../trust/x509/anchor-reader.ts';
import type { Clock } from '../clock.ts';
import { CompleteRecord, recordName } from './complete-record.ts';
import { checksumOf, decodeLastGood, encodeLastGood } from './last-good-document.ts';
import type { LastGood } from './last-good-document.ts';
import { replaceFile, replaceUnsynced } from '../../net/replace-file.ts';
import { changeFiles, removeUnsynced } from './state-files.ts';
import { checkStateDirectory, openStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';
import { createWriteQueue, safeReport } from './write-queue.ts';
import { reasonOf, reasonWithPlace } from '../../text/system-error.ts';

export interface LastGoodOptions {
  readonly directory: string;
  readonly reader: AnchorReader;
  readonly clock: Clock;
  /** While it returns false nothing is written: a held mass loss must not reach the disk either. */
  readonly mayWrite: () => boolean;
  /** Returns whether a source was read completely, or its whole state restored: then all of its state was saved. */
  readonly isRead: (source: string) => boolean;
  readonly onError: (message: string) => void;
  /** Called for each file that was written or removed, or could not be. */
  readonly onWrite?: ((result: 'ok' | 'error') => void) | undefined;
}

export interface LastGoodStore {
  /**
   * Returns all readable states. Unreadable ones, and parts that are not accepted, are reported by `onError` and left
   * out.
   * @throws {Error} if the directory cannot be used, or other users may write to it.
   */
  load(): Promise<readonly LastGood[]>;
  /**
   * Returns the sources of which an earlier run kept something, after `load`: true if `load` returned the whole state
   * of the source; false if a part may be missing, also if an earlier version of the program wrote it.
   */
  sources(): ReadonlyMap<string, boolean>;
  /** Keeps the state, after the time in which it can be part of a mass loss. Without grants it removes the path. */
  save(state: LastGood): void;
  /** Records soon which states are complete, if sources were read since. */
  recheck(): void;
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
/** Time until a failed write is tried again, in milliseconds. It doubles with each failure, up to the longest one. */
const firstPause = 5000;
const longestPause = 60_000;
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
  isRead,
  ...callbacks
}: LastGoodOptions): LastGoodStore {
  const onError = safeReport(callbacks.onError);
  const onWrite = callbacks.onWrite && safeReport(callbacks.onWrite);
  /** Waiting states, in the order in which they are due. */
  const waiting = new Map<string, { readonly state: LastGood; readonly due: number }>();
  /** The states whose last write failed and that no newer one has replaced. */
  const failed = new Map<string, LastGood>();
  let pause = firstPause;
  let retryAt = Infinity;
  const complete = new CompleteRecord();
  let recheckAt = Infinity;
  /** The reason of the last failure of each file in `behind`: the same reason is reported once. */
  const reported = new Map<string, string>();
  /** When each file became out of date. A successful write removes its entry. */
  const behind = new Map<string, number>();
  let timer: { readonly at: number; readonly cancel: () => void } | undefined;
  const enqueue = createWriteQueue();
  let opening: Promise<StateKey> | undefined;
  const keyOf = (): Promise<StateKey> => (opening ??= openStateDirectory(directory));

  const succeeded = (file: string): void => {
    reported.delete(file);
    if (!waiting.has(file)) behind.delete(file);
  };
  const reportFailure = (file: string, what: string, error: unknown): void => {
    if (!behind.has(file)) behind.set(file, clock.monotonic());
    onWrite?.('error');
    const reason = reasonWithPlace(error);
    if (reported.get(file) !== reason) onError(`${what} cannot be kept: ${reason}`);
    reported.set(file, reason);
  };
  /** Writes or removes a file. Returns the checksum of its new text, or `undefined` if the file was removed. */
  const writeOne = async (file: string, state: LastGood): Promise<string | undefined> => {
    const path = join(directory, file);
    const key = await keyOf();
    await checkStateDirectory(directory, key);
    if (state.grants.length === 0) {
      await removeUnsynced(path, directory, key);
      return undefined;
    }
    const text = encodeLastGood(state, key);
    await replaceUnsynced(path, text);
    return checksumOf(text);
  };
  const writeFiles = async (all: readonly (readonly [string, LastGood])[]): Promise<void> => {
    const results = await changeFiles(directory, all, ([file, state]) => writeOne(file, state));
    for (const [index, [file, state]] of all.entries()) {
      const result = results[index];
      if (result?.status === 'fulfilled') {
        complete.put(state.source, file, result.value);
        succeeded(file);
        onWrite?.('ok');
      } else {
        if (!waiting.has(file)) failed.set(file, state);
        reportFailure(file, `the last good state of ${state.path}`, result?.reason);
      }
    }
  };
  /** Records the sources whose state is complete on disk. Returns whether that succeeded. */
  const writeRecord = async (): Promise<boolean> => {
    recheckAt = Infinity;
    const pending = new Set(
      [...[...waiting.values()].map(({ state }) => state), ...failed.values()].map(({ source }) => source),
    );
    try {
      const key = await keyOf();
      const next = complete.next((source) => !pending.has(source) && isRead(source), key);
      if (next !== undefined) {
        await checkStateDirectory(directory, key);
        await replaceFile(join(directory, recordName), next.text);
        next.written();
      }
      succeeded(recordName);
      return true;
    } catch (error) {
      reportFailure(recordName, 'the record of complete states', error);
      return false;
    }
  };
  const writeDue = async (until: number): Promise<void> => {
    disarm();
    try {
      if (!mayWrite()) return;
      const due = [...waiting].filter(([, item]) => item.due <= until);
      const all = due.map(([file, { state }]) => [file, state] as const);
      if (until >= retryAt) {
        all.push(...failed);
        failed.clear();
      }
      for (const [file] of due) waiting.delete(file);
      await writeFiles(all);
      // After the files that it names: otherwise a power loss could leave an old file that counts as complete.
      const isRecorded = await writeRecord();
      if (failed.size === 0 && isRecorded) {
        retryAt = Infinity;
        pause = firstPause;
      } else if (until >= retryAt || retryAt === Infinity) {
        retryAt = clock.monotonic() + pause;
        pause = Math.min(pause * 2, longestPause);
      }
    } finally {
      arm();
    }
  };
  const write = (until: number): Promise<void> => enqueue(() => writeDue(until));
  const disarm = (): void => {
    timer?.cancel();
    timer = undefined;
  };
  const arm = (): void => {
    const [next] = waiting.values();
    const at = Math.min(next?.due ?? Infinity, retryAt, recheckAt);
    if (at === Infinity || (timer !== undefined && timer.at <= at)) return;
    disarm();
    const wait = Math.max(at - clock.monotonic(), retryDelay);
    timer = { at, cancel: clock.after(wait, () => void write(clock.monotonic())) };
  };

  let restored: ReadonlyMap<string, boolean> = new Map();
  return {
    async load() {
      const key = await keyOf();
      const states: LastGood[] = [];
      for (const file of (await readdir(directory)).sort()) {
        if (!file.endsWith(suffix)) continue;
        try {
          const text = (await readRegularFile(join(directory, file))).toString('utf8');
          const state = decodeLastGood(text, reader, key);
          for (const refusal of state.refusals)
            onError(`a part of the last good state of ${state.path} is left out: ${refusal}`);
          states.push(state);
          if (state.isWhole) complete.put(state.source, file, checksumOf(text));
        } catch (error) {
          onError(`${join(directory, file)} cannot be read back: ${reasonOf(error)}`);
        }
      }
      const record = join(directory, recordName);
      try {
        complete.read((await readRegularFile(record)).toString('utf8'), key);
      } catch (error) {
        // Earlier versions wrote none.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          onError(`${record} cannot be read back: ${reasonOf(error)}`);
      }
      restored = complete.sources();
      return states;
    },
    sources: () => restored,
    recheck() {
      if (!complete.isStale) return;
      recheckAt = Math.min(recheckAt, clock.monotonic() + writeDelay);
      arm();
    },
    save(state) {
      const file = fileOf(state);
      waiting.delete(file);
      failed.delete(file);
      waiting.set(file, { state, due: clock.monotonic() + writeDelay });
      if (!behind.has(file)) behind.set(file, clock.monotonic());
      arm();
    },
    async flush() {
      await write(Infinity);
      disarm();
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
