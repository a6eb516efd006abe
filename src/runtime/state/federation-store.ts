import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { syncDirectory } from '../../net/sync-directory.ts';
import { relationshipKey } from '../../trust/federation/relationship.ts';
import { decodeStoredBundle, encodeStoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { Clock } from '../clock.ts';
import { signedText, verifiedBody } from './signed-text.ts';
import { replaceUnsynced } from '../../net/replace-file.ts';
import { changeFiles, removeUnsynced } from './state-files.ts';
import { checkStateDirectory, openStateDirectory } from './state-key.ts';
import { createWriteQueue, safeReport } from './write-queue.ts';

/** Keeps fetched bundles over a restart, in one checksummed file for each relationship. */
export interface FederationStore {
  /** The bundles at the start, by the key of their relationship. */
  readonly stored: ReadonlyMap<string, StoredBundle>;
  save(bundle: StoredBundle): void;
  remove(key: string): void;
  /** Resolves once all changes are on disk, or could not be written. It tries failed ones again. */
  flush(): Promise<void>;
}

const suffix = '.json';
/** Time until a failed write is tried again, in milliseconds. */
const retryPause = 60_000;

/**
 * Opens the store in `STATE DIRECTORY/federation`.
 * @throws {Error} if the directory cannot be used, or other users may write to it.
 */
export async function openFederationStore(
  stateDirectory: string,
  reportError: (message: string, error: unknown) => void,
  clock: Clock,
): Promise<FederationStore> {
  const onError = safeReport(reportError);
  const key = await openStateDirectory(stateDirectory);
  const directory = join(stateDirectory, 'federation');
  const create = async (): Promise<void> => {
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (created !== undefined) await syncDirectory(stateDirectory);
  };
  await create();
  const stored = new Map<string, StoredBundle>();
  for (const file of (await readdir(directory)).sort()) {
    if (!file.endsWith(suffix)) continue;
    try {
      const text = (await readRegularFile(join(directory, file))).toString('utf8');
      const body = verifiedBody(text, key);
      const bundle = decodeStoredBundle(body);
      stored.set(relationshipKey(bundle.mesh, bundle.trustDomain), bundle);
    } catch (error) {
      onError(`${join(directory, file)} cannot be read back`, error);
    }
  }

  /** The newest state of each file that is not on disk; `undefined` if the file is to be removed. */
  const waiting = new Map<string, StoredBundle | undefined>();
  const enqueue = createWriteQueue();
  let isQueued = false;
  let writing: Promise<void> = Promise.resolve();
  let cancelRetry: (() => void) | undefined;

  const write = async (file: string, bundle: StoredBundle | undefined): Promise<void> => {
    const path = join(directory, file);
    await checkStateDirectory(stateDirectory, key);
    // Someone may have removed it, to begin without bundles.
    await create();
    if (bundle === undefined) await removeUnsynced(path, stateDirectory, key);
    else await replaceUnsynced(path, signedText(encodeStoredBundle(bundle), key));
  };
  const writeAll = async (): Promise<void> => {
    isQueued = false;
    const all = [...waiting];
    waiting.clear();
    const results = await changeFiles(directory, all, ([file, bundle]) => write(file, bundle));
    for (const [index, [file, bundle]] of all.entries()) {
      const result = results[index];
      if (result?.status !== 'rejected') continue;
      if (!waiting.has(file)) waiting.set(file, bundle);
      onError(`the bundle ${join(directory, file)} cannot be kept`, result.reason);
    }
    if (waiting.size > 0) cancelRetry ??= clock.after(retryPause, begin);
  };
  const begin = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
    if (isQueued) return;
    isQueued = true;
    writing = enqueue(writeAll);
  };
  const put = (file: string, bundle: StoredBundle | undefined): void => {
    waiting.set(file, bundle);
    begin();
  };

  return {
    stored,
    save: (bundle) => put(fileOf(relationshipKey(bundle.mesh, bundle.trustDomain)), bundle),
    remove: (relationship) => put(fileOf(relationship), undefined),
    async flush() {
      if (waiting.size > 0) begin();
      await writing;
      cancelRetry?.();
      cancelRetry = undefined;
    },
  };
}

/** Returns `MESH--TRUST DOMAIN.json`, or a hash where that is ambiguous or too long for a file system. */
function fileOf(key: string): string {
  const isPlain = !key.includes('--') && key.length <= 200;
  const name = isPlain ? key.replace('/', '--') : createHash('sha256').update(key).digest('hex');
  return name + suffix;
}
