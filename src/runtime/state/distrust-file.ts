import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readRegularFile } from '../../net/read-regular-file.ts';
import type { Logger } from '../../observe/log/log.ts';
import {
  distrustSettleMs,
  initialDistrust,
  updateDistrust,
  keepDistrust,
} from '../../trust/policy/distrust.ts';
import type { DistrustState } from '../../trust/policy/distrust.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { reasonOf } from '../../text/system-error.ts';

export interface DistrustFile {
  /** The list at the start. */
  readonly state: DistrustState;
  close(): void;
}

/** Interval at which the list is read again without a notification, in milliseconds. */
const rereadMs = 10_000;

/**
 * Reads a distrust list and follows its file. A list that cannot be read later changes nothing. `onChange` reports it,
 * and every line that is not understood.
 * @throws {Error} if it cannot be read at the start.
 */
export async function followDistrustFile(
  path: string,
  log: Logger,
  onChange: (state: DistrustState) => void,
): Promise<DistrustFile> {
  const first = await readDistrustFile(path);
  let state = first;
  let settling: NodeJS.Timeout | undefined;
  let closed = false;

  const take = (next: DistrustState): void => {
    const before = state;
    state = next;
    if (next.refused !== undefined && next.refused !== before.refused) {
      log.error(
        { event: 'distrust-refused', path, reason: next.refused },
        `${path}: ${next.refused}; everything that was distrusted before stays distrusted`,
      );
    }
    if (next.hashes !== before.hashes) {
      const { size } = next.hashes;
      log.warn({ event: 'distrust', hashes: size }, `the distrust list has ${size} hashes`);
    }
    if (next.hashes !== before.hashes || next.reading !== before.reading || next.refused !== before.refused)
      onChange(next);
    clearTimeout(settling);
    if (next.pendingRemoval !== undefined) settling = setTimeout(reread, timerMs(distrustSettleMs));
  };
  const readOnce = async (): Promise<void> => {
    const text = await readRegularFile(path).catch((error: unknown) => error);
    if (closed) return;
    if (Buffer.isBuffer(text)) take(updateDistrust(state, text.toString('utf8'), performance.now()));
    else take(keepDistrust(state, String(text)));
  };
  // One after the other, because an older reading must not arrive after a newer one.
  let reading = Promise.resolve();
  const reread = (): void => {
    reading = reading.then(readOnce);
  };

  // The directory is watched, because editors and mounted ConfigMaps replace the file.
  const watcher = watch(dirname(path), (_, name) => {
    if (name === null || name === basename(path) || name.startsWith('..')) reread();
  });
  watcher.on('error', (error) =>
    log.error({ event: 'distrust-unwatched', err: error }, `${path} is no longer watched`),
  );
  const timer = setInterval(reread, rereadMs);
  return {
    state: first,
    close: () => {
      closed = true;
      watcher.close();
      clearInterval(timer);
      clearTimeout(settling);
    },
  };
}

/**
 * Reads a distrust list once.
 * @throws {Error} if it cannot be read.
 */
export async function readDistrustFile(path: string): Promise<DistrustState> {
  const text = await readRegularFile(path).catch((error: unknown) => {
    throw new Error(`the distrust list ${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  return initialDistrust(text.toString('utf8'));
}
