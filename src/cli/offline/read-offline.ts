import { isUtf8 } from 'node:buffer';
import { createLedger } from '../../trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent, LedgerView } from '../../trust/ledger/ledger.ts';
import { caFilesNamedBy, identityFilesSource } from '../../trust/identity/ca-files.ts';
import { readIdentityFiles } from '../../inputs/identity-files/follow-identity-files.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { SourceEvent } from '../../trust/source.ts';
import { watchDirectory } from '../../inputs/directory/watch-directory.ts';
import type { Reading } from './offline-options.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { isPipe, readPipe, readStandardInput, standardInput } from '../terminal/read-input.ts';

/**
 * Reads files and directories once, by the rules of the directory source, and returns the resources in force. A pipe,
 * and standard input (`-`), is read to its end.
 * @throws {CommandError} (usage) if one of the paths cannot be read.
 */
export async function readOffline(
  paths: readonly string[],
  reading: Reading,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
): Promise<LedgerView> {
  return evaluateTexts(await readTexts(paths, io), reading);
}

/** Parses texts, and returns the resources in force. */
export async function evaluateTexts(events: readonly SourceEvent[], reading: Reading): Promise<LedgerView> {
  const { parse, identities } = reading;
  const ledger = createLedger(['files'], { holdMs: 0 });
  const read = events.map((event) => toLedgerEvent(event, parse));
  // Files are read once, so no CA is superseded.
  ledger.apply('files', identities?.apply('files', read, 0).get('files') ?? read, 0);
  await readNamedFiles(read, reading, ledger);
  return ledger.view();
}

/** Reads the files with CA certificates that MeshIdentities name, and derives these MeshIdentities again. */
async function readNamedFiles(
  read: readonly LedgerEvent[],
  { parse, identities, identityRoot }: Reading,
  ledger: Ledger,
): Promise<void> {
  if (identities === undefined || identityRoot === undefined) return;
  const named = read.flatMap((event) =>
    event.kind === 'version' && event.parsed.kind !== 'refused' ? caFilesNamedBy(event.parsed) : [],
  );
  const events = await readIdentityFiles(identityRoot, new Set(named));
  const versions = events.map((event) => toLedgerEvent(event, parse));
  const derived = identities.apply(identityFilesSource, versions, 0);
  for (const failed of versions.filter(({ kind }) => kind === 'unreadable'))
    ledger.apply('files', [failed], 0);
  ledger.apply('files', derived.get('files') ?? [], 0);
}

/**
 * Reads files and directories once, by the rules of the directory source, and returns its events. Standard input has
 * the path `stdin`.
 * @throws {CommandError} (usage) if one of the paths cannot be read.
 */
export async function readTexts(
  paths: readonly string[],
  io: Pick<CommandIo, 'signal' | 'stdin'>,
): Promise<readonly SourceEvent[]> {
  const events: SourceEvent[] = [];
  const places: string[] = [];
  for (const path of paths) {
    if (path === standardInput) events.push(contentOf('stdin', await readStandardInput(io)));
    else if (await isPipe(path)) events.push(contentOf(path, await readPipe(path, io)));
    else places.push(path);
  }
  if (places.length > 0) events.push(...(await readOnce(places, io.signal)));
  else events.push({ kind: 'synced' });
  return events;
}

function contentOf(path: string, bytes: Buffer): SourceEvent {
  return isUtf8(bytes)
    ? { kind: 'content', path, text: bytes.toString('utf8'), settled: true }
    : { kind: 'unreadable', path, reason: 'is not UTF-8' };
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
