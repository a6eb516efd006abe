import { readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { mock } from 'node:test';

/** The texts of the files of a directory by name, as a power loss after a sync of the directory would leave them. */
export type OnDisk = ReadonlyMap<string, string>;

/** The syncs of a directory. */
export interface DirectorySyncs extends Disposable {
  /** The state of the directory at each sync. */
  readonly states: readonly OnDisk[];
  /** Lets later syncs of directories fail with this code; `undefined`: not any more. */
  fail(code: string | undefined): void;
}

/** Records each sync of this directory in this process, until it is disposed. */
export async function recordSyncs(directory: string): Promise<DirectorySyncs> {
  const states: OnDisk[] = [];
  let failure: string | undefined;
  const probe = await open(directory);
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  const { ino } = await probe.stat();
  await probe.close();
  const original = Reflect.get(handles, 'sync');
  const { mock: mocked } = mock.method(handles, 'sync', async function sync(this: FileHandle) {
    const found = await this.stat();
    if (!found.isDirectory()) return original.call(this);
    if (failure !== undefined)
      throw Object.assign(new Error(`${failure}: refused, fsync`), { code: failure });
    if (found.ino === ino) states.push(stateOf(directory));
    return original.call(this);
  });
  return {
    states,
    fail: (code) => (failure = code),
    [Symbol.dispose]: () => mocked.restore(),
  };
}

/** Returns the texts of the files of a directory by name. */
export function stateOf(directory: string): OnDisk {
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ name }) => name).sort();
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'latin1')]));
}
