import { createLedger } from '../../trust/ledger/ledger.ts';
import type { LedgerEvent, LedgerView } from '../../trust/ledger/ledger.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { SourceEvent } from '../../trust/source.ts';
import { watchDirectory } from '../../inputs/directory/watch-directory.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';

/**
 * Reads files and directories once, by the rules of the directory source, and decides what is in force.
 * @throws {CommandError} (usage) if one of the paths cannot be read.
 */
export async function readOffline(
  paths: readonly string[],
  parse: ParseOptions,
  signal: AbortSignal,
): Promise<LedgerView> {
  const events = await readOnce(paths, signal);
  const ledger = createLedger(['files'], { holdMs: 0 });
  ledger.apply(
    'files',
    events.map((event) => toLedgerEvent(event, parse)),
    0,
  );
  return ledger.view();
}

async function readOnce(paths: readonly string[], signal: AbortSignal): Promise<readonly SourceEvent[]> {
  const events: SourceEvent[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(new CommandError(exitCode.negative, 'interrupted'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const source = watchDirectory({ roots: paths }, (batch) => {
    events.push(...batch);
    const failed = batch.find((event) => event.kind === 'failed');
    if (failed !== undefined)
      reject(new CommandError(exitCode.usage, `${failed.path} cannot be read: ${failed.reason}`));
    else if (batch.some((event) => event.kind === 'synced')) resolve();
  });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await source.close();
  }
  return events;
}

function toLedgerEvent(event: SourceEvent, parse: ParseOptions): LedgerEvent {
  if (event.kind !== 'content') return event;
  return {
    kind: 'version',
    path: event.path,
    settled: true,
    parsed: parseFile(event.path, event.text, parse),
  };
}
