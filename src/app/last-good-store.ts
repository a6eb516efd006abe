import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import type { Clock } from './clock.ts';
import { decodeLastGood, encodeLastGood } from './last-good-document.ts';
import type { LastGood } from './last-good-document.ts';

export interface LastGoodOptions {
  readonly directory: string;
  readonly reader: AnchorReader;
  readonly clock: Clock;
  /** While it answers false nothing is written: a mass loss that is held must not be on disk either. */
  readonly mayWrite: () => boolean;
  readonly onError: (message: string, error: unknown) => void;
}

export interface LastGoodStore {
  /** Everything that can be read back; what cannot is told to `onError` and left out. */
  load(): Promise<readonly LastGood[]>;
  /** Keeps the state, soon; no grants: forgets the path. */
  save(state: LastGood): void;
  /** Writes what is waiting, if it may be written. */
  flush(): Promise<void>;
}

/** Changes of a burst are written together, this many milliseconds after the first. */
const writeDelay = 200;
const suffix = '.lastgood';

/** The last good state of each path, a checksummed file each, so that a restart serves what it served. */
export function createLastGoodStore({
  directory,
  reader,
  clock,
  mayWrite,
  onError,
}: LastGoodOptions): LastGoodStore {
  const waiting = new Map<string, LastGood>();
  let cancelTimer: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();

  const writeOne = async (file: string, state: LastGood): Promise<void> => {
    const path = join(directory, file);
    try {
      if (state.grants.length === 0) await rm(path, { force: true });
      else {
        await writeFile(`${path}.new`, encodeLastGood(state), { mode: 0o600, flush: true });
        await rename(`${path}.new`, path);
      }
    } catch (error) {
      onError(`the last good state of ${state.path} cannot be kept`, error);
    }
  };
  const writeAll = async (): Promise<void> => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (!mayWrite()) return arm();
    const states = [...waiting];
    waiting.clear();
    for (const [file, state] of states) await writeOne(file, state);
  };
  const flush = (): Promise<void> => {
    writing = writing.then(writeAll);
    return writing;
  };
  const arm = (): void => {
    if (waiting.size > 0) cancelTimer ??= clock.after(writeDelay, () => void flush());
  };

  return {
    async load() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const states: LastGood[] = [];
      for (const file of (await readdir(directory)).sort()) {
        if (!file.endsWith(suffix)) continue;
        try {
          states.push(decodeLastGood(await readFile(join(directory, file), 'utf8'), reader));
        } catch (error) {
          onError(`${join(directory, file)} cannot be read back`, error);
        }
      }
      return states;
    },
    save(state) {
      waiting.set(fileOf(state), state);
      arm();
    },
    async flush() {
      await flush();
      cancelTimer?.();
    },
  };
}

function fileOf({ source, path }: LastGood): string {
  return createHash('sha256').update(`${source}\0${path}`).digest('hex') + suffix;
}
