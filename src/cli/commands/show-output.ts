import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { clearScreen, onLost } from '../terminal/terminal.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { oneLine } from '../../text/plain-text.ts';

/** Milliseconds between two requests of `--watch`. */
const defaultWatchMs = 1_000;

/** Data for stdout, and a summary for stderr. */
export interface Shown {
  readonly data: string;
  readonly talk: string;
  /** Why the data is incomplete: a server did not answer, while others did. */
  readonly missing?: CommandError | undefined;
}

/**
 * Prints the output once, or with `--watch` again whenever it changes.
 * @throws {CommandError} if the output is incomplete.
 */
export async function showOutput(
  io: CommandIo,
  ask: () => Promise<Shown>,
  isWatching: boolean,
): Promise<void> {
  const missing = isWatching ? await watch(io, ask) : await once(io, ask);
  if (missing !== undefined) throw missing;
}

async function once(io: CommandIo, show: () => Promise<Shown>): Promise<CommandError | undefined> {
  const { data, talk, missing } = await show();
  io.stdout.write(data);
  io.stderr.write(talk);
  return missing;
}

/**
 * Prints the output whenever it changes, until it is interrupted or no one can read it; clears a terminal before. An
 * error of the first request ends the command, because it is probably a mistake in it. A server that disappears later
 * may return, so later errors are only printed.
 */
async function watch(io: CommandIo, show: () => Promise<Shown>): Promise<undefined> {
  const lost = new AbortController();
  const ignoreLoss = onLost(io.stdout, () => lost.abort());
  try {
    await printChanges({ ...io, signal: AbortSignal.any([io.signal, lost.signal]) }, show);
  } finally {
    ignoreLoss();
  }
}

async function printChanges(io: CommandIo, show: () => Promise<Shown>): Promise<void> {
  const clear = 'isTTY' in io.stdout && io.stdout.isTTY === true ? clearScreen : '';
  let before: string | undefined;
  while (!io.signal.aborted) {
    const shown = await show().catch((error: unknown): Partial<Shown> => {
      if (!(error instanceof CommandError) || before === undefined) throw error;
      return { missing: error };
    });
    const { data, talk = '', missing } = shown;
    const current = `${data ?? ''}${missing?.message ?? ''}`;
    if (current !== before && !io.signal.aborted) {
      if (data !== undefined) io.stdout.write(`${clear}${data}`);
      io.stderr.write(missing === undefined ? talk : `${talk}error: ${oneLine(missing.message)}\n`);
    }
    before = current;
    // Only the signal ends the delay early.
    await delay(timerMs(io.watchMs ?? defaultWatchMs), undefined, { signal: io.signal }).catch(
      () => undefined,
    );
  }
}
