import { readRegularFile } from '../../net/read-regular-file.ts';
import { watchFile } from '../../net/watch-file.ts';
import type { Logger } from '../../observe/log/log.ts';
import {
  distrustSettleMs,
  initialDistrust,
  updateDistrust,
  keepDistrust,
} from '../../trust/policy/distrust.ts';
import type { DistrustState } from '../../trust/policy/distrust.ts';
import { reasonOf } from '../../text/system-error.ts';

export interface DistrustFile {
  /** The list at the start. */
  readonly state: DistrustState;
  close(): void;
}

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
  let closed = false;

  const take = (next: DistrustState): void => {
    const before = state;
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
    // Not before: a change that could not be applied is found again by the next reading.
    state = next;
  };
  const read = async (): Promise<number | undefined> => {
    const text = await readRegularFile(path).catch((error: unknown) => error);
    if (closed) return undefined;
    if (Buffer.isBuffer(text)) take(updateDistrust(state, text.toString('utf8'), performance.now()));
    else take(keepDistrust(state, String(text)));
    return state.pendingRemoval === undefined ? undefined : distrustSettleMs;
  };

  const watched = watchFile(path, {
    read,
    failed: (error) => log.error({ event: 'distrust-failed', err: error }, `${path} could not be applied`),
    unwatched: (error) =>
      log.error(
        { event: 'distrust-unwatched', path, err: error },
        `${path} cannot be watched, so it is read every 10 seconds`,
      ),
  });
  return {
    state: first,
    close: () => {
      closed = true;
      watched.close();
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
