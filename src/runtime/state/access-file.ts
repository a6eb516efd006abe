import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseRules } from '../../access/parse-rules.ts';
import type { ParsedRules } from '../../access/parse-rules.ts';
import type { AccessRule } from '../../access/rules.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { reasonOf } from '../../text/system-error.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** Followed access rules. */
export interface AccessFile {
  /** The rules in force. */
  rules(): readonly AccessRule[];
  close(): void;
}

/** Callbacks of followed rules. */
export interface AccessFileEvents {
  /** Other rules are in force. */
  readonly loaded: (rules: readonly AccessRule[]) => void;
  /** The file cannot be used, for the given reason, or can be used again (`undefined`). The rules stay in force. */
  readonly problem: (reason: string | undefined) => void;
}

/** Interval at which the file is read again without a notification, in ms. */
const rereadMs = 10_000;
/** Time for which a changed file must stay the same. A file in the middle of a write may lack the end of a rule. */
const settleMs = 100;
/** The most violations in a reason; it has the number of the others. */
const violationsInReason = 5;

/**
 * Reads access rules and follows their file. A file that cannot be read or parsed later changes nothing.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followAccessFile(path: string, events: AccessFileEvents): Promise<AccessFile> {
  let text = await readRegularFile(path).then(String, (error: unknown) => {
    throw new Error(`the access rules ${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  const first = parseRules(text);
  if (first.kind === 'invalid') throw new Error(`the access rules ${path} cannot be used: ${listOf(first)}`);
  let { rules } = first;
  let pending: string | undefined;
  let problem: string | undefined;
  let settling: NodeJS.Timeout | undefined;
  let closed = false;

  const report = (reason: string | undefined): void => {
    if (reason === problem) return;
    problem = reason;
    events.problem(reason);
  };
  const apply = (next: string): void => {
    text = next;
    pending = undefined;
    const parsed = parseRules(next);
    if (parsed.kind === 'invalid') return report(listOf(parsed));
    ({ rules } = parsed);
    report(undefined);
    events.loaded(rules);
  };
  const readOnce = async (): Promise<void> => {
    const next = await readRegularFile(path).then(String, (error: unknown) => new Error(reasonOf(error)));
    if (closed) return;
    if (next instanceof Error) {
      pending = undefined;
      return report(next.message);
    }
    if (next === text) {
      pending = undefined;
      if (problem !== undefined && parseRules(next).kind === 'rules') report(undefined);
    } else if (next === pending) apply(next);
    else {
      pending = next;
      clearTimeout(settling);
      settling = setTimeout(reread, timerMs(settleMs));
    }
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
  // Without notifications, the timer remains.
  watcher.on('error', () => watcher.close());
  const timer = setInterval(reread, rereadMs);
  return {
    rules: () => rules,
    close: () => {
      closed = true;
      watcher.close();
      clearInterval(timer);
      clearTimeout(settling);
    },
  };
}

function listOf({ violations }: Extract<ParsedRules, { kind: 'invalid' }>): string {
  const shown = violations.slice(0, violationsInReason).join('; ');
  const more = violations.length - violationsInReason;
  return more > 0 ? `${shown}; and ${more} more` : shown;
}
