import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Logger } from '../telemetry/log.ts';
import { readDistrust } from './distrust.ts';

export interface DistrustFile {
  /** The hashes of the list as it was read at the start. */
  readonly hashes: ReadonlySet<string>;
  close(): void;
}

/** How often the list is read again where no notice comes, in milliseconds. */
const rereadMs = 10_000;

/**
 * Reads a distrust list and follows its file. A list that cannot be read or understood later changes
 * nothing, loudly.
 * @throws {Error} when it cannot be read or understood at the start.
 */
export async function followDistrustFile(
  path: string,
  log: Logger,
  onChange: (hashes: ReadonlySet<string>) => void,
): Promise<DistrustFile> {
  let text = await readFile(path, 'utf8');
  const first = readDistrust(text);
  if (first.kind === 'invalid') throw new Error(`${path}:${first.line}: not a SHA-256 in hex`);

  const reread = async (): Promise<void> => {
    try {
      const next = await readFile(path, 'utf8');
      if (next === text) return;
      const reading = readDistrust(next);
      if (reading.kind === 'invalid') throw new Error(`line ${reading.line} is not a SHA-256 in hex`);
      text = next;
      log.warn(
        { event: 'distrust', hashes: reading.hashes.size },
        `the distrust list has ${reading.hashes.size} hashes`,
      );
      onChange(reading.hashes);
    } catch (error) {
      log.error(
        { event: 'distrust-refused', err: error },
        `${path} cannot be used; the list before stays in force`,
      );
    }
  };
  // The directory, since editors and mounted ConfigMaps replace the file.
  const watcher = watch(dirname(path), (_, name) => {
    if (name === null || name === basename(path) || name.startsWith('..')) void reread();
  });
  watcher.on('error', (error) =>
    log.error({ event: 'distrust-unwatched', err: error }, `${path} is no longer watched`),
  );
  const timer = setInterval(() => void reread(), rereadMs);
  return {
    hashes: first.hashes,
    close: () => {
      watcher.close();
      clearInterval(timer);
    },
  };
}
