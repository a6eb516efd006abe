import { join } from 'node:path';
import { readRegularFile } from '../net/read-regular-file.ts';
import { replaceFile } from '../net/replace-file.ts';
import { after } from '../xds/timers/timers.ts';
import { decodeRecords, encodeRecords } from './core/sequence-record.ts';
import type { SequenceRecord } from './core/sequence-record.ts';

/** Keeps the records of published bundles in the state directory. */
export interface SequenceFile {
  /** The records of an earlier run. */
  readonly records: readonly SequenceRecord[];
  /**
   * Writes records. While a write is in progress, the newest records wait for the next one. A write that failed is
   * tried again after a minute.
   */
  save(records: readonly SequenceRecord[]): void;
  /** Resolves once no write is in progress: the saved records are in the file, or a write has failed. */
  written(): Promise<void>;
  /** Resolves once all records are on disk, or could not be written. It tries failed ones again. */
  flush(): Promise<void>;
}

const fileName = 'bundle-sequences.json';
/** Time until a failed write is tried again, in milliseconds. */
const retryPause = 60_000;

/**
 * Opens the records in a state directory, which exists. Records that cannot be read are reported and left out:
 * sequences then begin at the time of the start, which is later than every earlier one.
 */
export async function openSequenceFile(
  directory: string,
  onError: (message: string, error: unknown) => void,
  schedule: typeof after = after,
): Promise<SequenceFile> {
  const path = join(directory, fileName);
  /** The newest records that are not on disk. */
  let waiting: readonly SequenceRecord[] | undefined;
  let writing: Promise<void> | undefined;
  let cancelRetry: (() => void) | undefined;

  const writeOnce = async (records: readonly SequenceRecord[]): Promise<boolean> => {
    try {
      await replaceFile(path, encodeRecords(records));
      return true;
    } catch (error) {
      onError('the sequences of the published bundles cannot be kept', error);
      return false;
    }
  };
  const writeAll = async (): Promise<void> => {
    while (waiting !== undefined) {
      const records = waiting;
      waiting = undefined;
      if (await writeOnce(records)) continue;
      // A restart must not begin with an older sequence than the one that was published.
      waiting ??= records;
      cancelRetry = schedule(retryPause, begin);
      break;
    }
    writing = undefined;
  };
  const begin = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
    writing ??= writeAll();
  };

  return {
    records: await load(path, onError),
    save(records) {
      waiting = records;
      begin();
    },
    async written() {
      await writing;
    },
    async flush() {
      if (waiting !== undefined) begin();
      await writing;
      cancelRetry?.();
      cancelRetry = undefined;
    },
  };
}

async function load(
  path: string,
  onError: (message: string, error: unknown) => void,
): Promise<readonly SequenceRecord[]> {
  try {
    const records = decodeRecords((await readRegularFile(path)).toString('utf8'));
    if (records !== undefined) return records;
    onError(`${path} cannot be read back`, new Error('it does not have the expected form'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(`${path} cannot be read back`, error);
  }
  return [];
}
