import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../../net/map-bounded.ts';
import { writeNewFile } from '../../net/open-new-file.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { relationshipKey } from '../../trust/federation/relationship.ts';
import { decodeStoredBundle, encodeStoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import { openStateDirectory } from './state-key.ts';
import { createWriteQueue, safeReport } from './write-queue.ts';

/** Keeps fetched bundles over a restart, in one checksummed file for each relationship. */
export interface FederationStore {
  /** The bundles at the start, by the key of their relationship. */
  readonly stored: ReadonlyMap<string, StoredBundle>;
  save(bundle: StoredBundle): void;
  remove(key: string): void;
  /** Resolves once all changes are on disk. */
  flush(): Promise<void>;
}

const suffix = '.json';
/** Number of files that are written at a time. */
const concurrentWrites = 8;

/**
 * Opens the store in `STATE DIRECTORY/federation`.
 * @throws {Error} if the directory cannot be used, or other users may write to it.
 */
export async function openFederationStore(
  stateDirectory: string,
  reportError: (message: string, error: unknown) => void,
): Promise<FederationStore> {
  const onError = safeReport(reportError);
  const key = await openStateDirectory(stateDirectory);
  const directory = join(stateDirectory, 'federation');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stored = new Map<string, StoredBundle>();
  for (const file of (await readdir(directory)).sort()) {
    if (!file.endsWith(suffix)) continue;
    try {
      const text = (await readRegularFile(join(directory, file))).toString('utf8');
      const [checksum = '', body = ''] = text.split('\n');
      if (!key.verify(body, checksum))
        throw new Error('its checksum does not match: it is damaged, or was not written here');
      const bundle = decodeStoredBundle(body);
      stored.set(relationshipKey(bundle.mesh, bundle.trustDomain), bundle);
    } catch (error) {
      onError(`${join(directory, file)} cannot be read back`, error);
    }
  }

  /** The newest state of each file that is not on disk; `undefined` if the file is to be removed. */
  const waiting = new Map<string, StoredBundle | undefined>();
  const enqueue = createWriteQueue();
  let writing: Promise<void> = Promise.resolve();

  const write = async (file: string, bundle: StoredBundle | undefined): Promise<void> => {
    const path = join(directory, file);
    try {
      if (bundle === undefined) {
        await rm(path, { force: true });
        return;
      }
      const body = encodeStoredBundle(bundle);
      await rm(`${path}.new`, { force: true, recursive: true });
      await writeNewFile(`${path}.new`, `${key.sign(body)}\n${body}\n`);
      await rename(`${path}.new`, path);
    } catch (error) {
      onError(`the bundle ${path} cannot be kept`, error);
    }
  };
  const put = (file: string, bundle: StoredBundle | undefined): void => {
    waiting.set(file, bundle);
    if (waiting.size > 1) return;
    writing = enqueue(async () => {
      const all = [...waiting];
      waiting.clear();
      await mapBounded(all, concurrentWrites, ([name, state]) => write(name, state));
    });
  };

  return {
    stored,
    save: (bundle) => put(fileOf(relationshipKey(bundle.mesh, bundle.trustDomain)), bundle),
    remove: (relationship) => put(fileOf(relationship), undefined),
    flush: () => writing,
  };
}

/** Returns `MESH--TRUST DOMAIN.json`, or a hash where that is ambiguous or too long for a file system. */
function fileOf(key: string): string {
  const isPlain = !key.includes('--') && key.length <= 200;
  const name = isPlain ? key.replace('/', '--') : createHash('sha256').update(key).digest('hex');
  return name + suffix;
}
