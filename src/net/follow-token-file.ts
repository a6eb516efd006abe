import { hash, timingSafeEqual } from 'node:crypto';
import { followFile } from './follow-file.ts';
import type { FileEvents, FollowTimes } from './follow-file.ts';

/** The tokens of a followed file. */
export interface FollowedTokens {
  /** Returns whether a token is accepted, in the same time for every token. */
  admits(token: string): boolean;
  /** Reads the file now. */
  reload(): Promise<void>;
  close(): void;
}

/** Shorter tokens can be guessed. */
const shortestToken = 16;

/**
 * Reads a file with one token per line, and reads it again when it changes, so that a new token can be added before
 * the old one is removed. Empty lines and lines that begin with `#` are ignored. A file that cannot be used any more
 * changes nothing: `changed` is called with the reason, once for each, and with `undefined` when it can be used again.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followTokenFile(
  path: string,
  changed: (problem: string | undefined) => void,
  { restless, ...times }: FollowTimes & Pick<FileEvents<unknown>, 'restless'> = {},
): Promise<FollowedTokens> {
  const events = { problem: changed, restless };
  const file = await followFile(path, (content) => readTokens(path, content), events, times);
  return {
    admits: (token) => {
      const digest = digestOf(token);
      return file.current().reduce((found, known) => timingSafeEqual(known, digest) || found, false);
    },
    reload: () => file.reload(),
    close: () => file.close(),
  };
}

function readTokens(path: string, content: Buffer): readonly Buffer[] {
  const lines = content
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw new Error(`the token file ${path} has no token`);
  if (lines.some((line) => line.length < shortestToken)) {
    throw new Error(`the token file ${path} has a token of less than ${shortestToken} characters`);
  }
  return lines.map(digestOf);
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
