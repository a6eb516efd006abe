import { join } from 'node:path';
import { readRegularFile } from '../../net/read-regular-file.ts';
import type { VoucherRecord } from '../../trust/imports/vouchers.ts';
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
  /** Resolves once all records are on disk, or could not be written. */
  flush(): Promise<void>;
}

const fileName = 'import-vouchers.json';
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
): Promise<VoucherFile> {
  const onError = safeReport(reportError);
  const key = await openStateDirectory(directory);
  const path = join(directory, fileName);
  const records = await load(path, key, onError);
  /** The records on disk, or on their way; `undefined` if they could not be written. */
  let last: string | undefined = JSON.stringify(records);
  let waiting: string | undefined;
  const enqueue = createWriteQueue();
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    if (waiting === undefined) return;
    const body = JSON.stringify({ format, records: JSON.parse(waiting) as unknown });
    waiting = undefined;
    try {
      await checkStateDirectory(directory, key);
      await replaceFile(path, signedText(body, key));
    } catch (error) {
      // The next confirmation of the MeshIdentities writes them again.
      last = undefined;
      onError(`${path} cannot be written`, error);
    }
  };

  return {
    records,
    save(next) {
      const text = JSON.stringify(next);
      if (text === last) return;
      const isQueued = waiting !== undefined;
      last = waiting = text;
      if (!isQueued) writing = enqueue(write);
    },
    flush: () => writing,
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
