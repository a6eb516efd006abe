import { parseRules } from '../../access/parse-rules.ts';
import type { ParsedRules } from '../../access/parse-rules.ts';
import type { AccessRule } from '../../access/rules.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { longestUnrestMs, settleMs as defaultSettleMs } from '../../net/read-settled.ts';
import { watchFile } from '../../net/watch-file.ts';
import { reasonOf } from '../../text/system-error.ts';

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
  /** The file cannot be watched: it is read every ten seconds. */
  readonly unwatched?: (error: unknown) => void;
}

/** The most violations in a reason; it has the number of the others. */
const violationsInReason = 5;

/** Times in milliseconds. Tests use others. */
interface SettleTimes {
  /** Time for which a changed file must stay the same. */
  readonly settleMs?: number;
  /** Time after which a file that never stays the same is reported. */
  readonly unrestMs?: number;
}

/**
 * Reads access rules and follows their file. A file that cannot be read or parsed later changes nothing. One in the
 * middle of a write may lack the end of a rule, so it must stay the same for `settleMs`. A file that never does is
 * reported, and not applied as other followed files are: a certificate or a token that is missing refuses a client, but
 * a rule whose last line `node` is missing allows every node id. That a file did not change while it was read does not
 * show that its writer has finished.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followAccessFile(
  path: string,
  events: AccessFileEvents,
  { settleMs = defaultSettleMs, unrestMs = longestUnrestMs }: SettleTimes = {},
): Promise<AccessFile> {
  let text = await readRegularFile(path).then(String, (error: unknown) => {
    throw new Error(`the access rules ${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  const first = parseRules(text);
  if (first.kind === 'invalid') throw new Error(`the access rules ${path} cannot be used: ${listOf(first)}`);
  let { rules } = first;
  /** The newest text, if it is not the one in force, and when it was first read. Times are monotonic milliseconds. */
  let pending: { readonly text: string; readonly since: number } | undefined;
  /** Since when the text has not been settled. */
  let unrestSince: number | undefined;
  let problem: string | undefined;
  let closed = false;

  const report = (reason: string | undefined): void => {
    if (reason === problem) return;
    problem = reason;
    events.problem(reason);
  };
  const apply = (next: string): void => {
    text = next;
    const parsed = parseRules(next);
    if (parsed.kind === 'invalid') return report(listOf(parsed));
    ({ rules } = parsed);
    report(undefined);
    events.loaded(rules);
  };
  const settle = (): void => {
    pending = undefined;
    unrestSince = undefined;
  };
  const read = async (): Promise<number | undefined> => {
    const next = await readRegularFile(path).then(String, (error: unknown) => new Error(reasonOf(error)));
    if (closed) return undefined;
    if (next instanceof Error) {
      settle();
      report(next.message);
      return undefined;
    }
    if (next === text) {
      settle();
      if (problem !== undefined && parseRules(next).kind === 'rules') report(undefined);
      return undefined;
    }
    const now = performance.now();
    unrestSince ??= now;
    if (next !== pending?.text) pending = { text: next, since: now };
    // A single write causes several notices, and each is a reading: equal readings alone do not show that it has ended.
    const leftMs = pending.since + settleMs - now;
    if (leftMs <= 0) {
      settle();
      apply(next);
      return undefined;
    }
    if (now - unrestSince >= unrestMs) report('it changes again and again');
    return Math.ceil(leftMs);
  };

  const { unwatched = () => undefined } = events;
  const watched = watchFile(path, { read, failed: (error) => report(reasonOf(error)), unwatched });
  return {
    rules: () => rules,
    close: () => {
      closed = true;
      watched.close();
    },
  };
}

function listOf({ violations }: Extract<ParsedRules, { kind: 'invalid' }>): string {
  const shown = violations.slice(0, violationsInReason).join('; ');
  const more = violations.length - violationsInReason;
  return more > 0 ? `${shown}; and ${more} more` : shown;
}
