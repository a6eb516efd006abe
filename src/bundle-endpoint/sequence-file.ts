import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeNewFile } from '../net/open-new-file.ts';
import { readRegularFile } from '../net/read-regular-file.ts';
import { decodeRecords, encodeRecords } from './core/sequence-record.ts';
import type { SequenceRecord } from './core/sequence-record.ts';

/** Keeps the records of published bundles in the state directory. */
export interface SequenceFile {
  /** The records of an earlier run. */
  readonly records: readonly SequenceRecord[];
  /** Writes records. While a write is in progress, the newest records wait for the next one. */
  save(records: readonly SequenceRecord[]): void;
  /** Resolves once all records are on disk, or could not be written. */
  flush(): Promise<void>;
}

const fileName = 'bundle-sequences.json';

/**
 * Opens the records in a state directory, which exists. Records that cannot be read are reported and left out:
 * sequences then begin at the time of the start, which is later than every earlier one.
 */
export async function openSequenceFile(
  directory: string,
  onError: (message: string, error: unknown) => void,
): Promise<SequenceFile> {
  const path = join(directory, fileName);
  let waiting: readonly SequenceRecord[] | undefined;
  let writing: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    while (waiting !== undefined) {
      const text = encodeRecords(waiting);
      waiting = undefined;
      try {
        await rm(`${path}.new`, { force: true, recursive: true });
        await writeNewFile(`${path}.new`, text);
        await rename(`${path}.new`, path);
      } catch (error) {
        onError('the sequences of the published bundles cannot be kept', error);
      }
    }
    writing = undefined;
  };

  return {
    records: await load(path, onError),
    save(records) {
      waiting = records;
      writing ??= write();
    },
    flush: () => writing ?? Promise.resolve(),
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
