import { join } from 'node:path';
import { readRegularFile } from '../../net/read-regular-file.ts';
import type { VoucherRecord } from '../../trust/imports/vouchers.ts';
import type { Clock } from '../clock.ts';
import { signedText, verifiedBody } from './signed-text.ts';
import { replaceFile } from '../../net/replace-file.ts';
import { checkStateDirectory, openStateDirectory } from './state-key.ts';
import type { StateKey } from './state-key.ts';
import { createWriteQueue, safeReport } from './write-queue.ts';

/** Keeps in the state directory which MeshIdentities of the Global control plane vouch for zones. */
export interface VoucherFile {
  /** The records of an earlier run. */
  readonly records: readonly VoucherRecord[];
  /** Writes records if they changed. While a write is in progress, the newest records wait for the next one. */
  save(records: readonly VoucherRecord[]): void;
  /** Resolves once all records are on disk, or could not be written. It tries failed ones again. */
  flush(): Promise<void>;
}

const fileName = 'import-vouchers.json';
/** Time until a failed write is tried again, in milliseconds. */
const retryPause = 60_000;
/** The format version. It is increased when programs of another version could not read the file. */
const format = 1;

/**
 * Opens the file in a state directory. Records that cannot be read are reported and left out: then only the
 * MeshIdentities that the Global control plane has vouch for zones.
 * @throws {Error} if the directory cannot be used, or other users may write to it.
 */
export async function openVoucherFile(
  directory: string,
  reportError: (message: string, error: unknown) => void,
  clock: Pick<Clock, 'after'>,
): Promise<VoucherFile> {
  const onError = safeReport(reportError);
  const key = await openStateDirectory(directory);
  const path = join(directory, fileName);
  const records = await load(path, key, onError);
  /** The newest records. */
  let last = JSON.stringify(records);
  /** The newest records, if they are not on disk. */
  let waiting: string | undefined;
  const enqueue = createWriteQueue();
  let isQueued = false;
  let writing: Promise<void> = Promise.resolve();
  let cancelRetry: (() => void) | undefined;

  const write = async (): Promise<void> => {
    isQueued = false;
    const text = waiting;
    if (text === undefined) return;
    waiting = undefined;
    try {
      const body = JSON.stringify({ format, records: JSON.parse(text) as unknown });
      await checkStateDirectory(directory, key);
      await replaceFile(path, signedText(body, key));
    } catch (error) {
      waiting ??= text;
      cancelRetry ??= clock.after(retryPause, begin);
      onError(`${path} cannot be written`, error);
    }
  };
  const begin = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
    if (isQueued) return;
    isQueued = true;
    writing = enqueue(write);
  };

  return {
    records,
    save(next) {
      const text = JSON.stringify(next);
      if (text === last) return;
      last = waiting = text;
      begin();
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
  key: StateKey,
  onError: (message: string, error: unknown) => void,
): Promise<readonly VoucherRecord[]> {
  try {
    const body = verifiedBody((await readRegularFile(path)).toString('utf8'), key);
    const stored = JSON.parse(body) as { readonly format: number; readonly records: VoucherRecord[] };
    if (stored.format !== format) throw new Error(`format ${String(stored.format)} is not known`);
    return stored.records;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(`${path} cannot be read back`, error);
    return [];
  }
}
