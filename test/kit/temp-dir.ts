import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder of one test, removed when it is disposed of. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** The path of `name` inside. */
  readonly join: (...name: readonly string[]) => string;
}

/** Makes an empty folder under the system's temporary one. */
export async function makeTempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), 'meshtrust-test-'));
  return {
    path,
    join: (...name) => join(path, ...name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
