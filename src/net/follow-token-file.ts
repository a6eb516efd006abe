import { hash, timingSafeEqual } from 'node:crypto';
import { readRegularFile } from './read-regular-file.ts';
import { timerMs } from '../xds/timers/timers.ts';
import { reasonWithPlace } from '../text/system-error.ts';

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
/** Interval at which the file is read again, in milliseconds. */
const defaultPollMs = 5_000;

/**
 * Reads a file with one token per line, and reads it again when it changes, so that a new token can be added before
 * the old one is removed. Empty lines and lines that begin with `#` are ignored. A file that cannot be used any more
 * changes nothing: `changed` is called with the reason, once for each, and with `undefined` when it can be used again.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followTokenFile(
  path: string,
  changed: (problem: string | undefined) => void,
  pollMs: number = defaultPollMs,
): Promise<FollowedTokens> {
  let tokens = await readTokens(path);
  let problem: string | undefined;
  let closed = false;
  const become = (next: string | undefined): void => {
    if (next === problem || closed) return;
    problem = next;
    changed(next);
  };
  const reload = async (): Promise<void> => {
    try {
      tokens = await readTokens(path);
      become(undefined);
    } catch (error) {
      become(reasonWithPlace(error));
    }
  };
  const timer = setInterval(() => void reload(), timerMs(pollMs)).unref();
  return {
    admits: (token) => {
      const digest = digestOf(token);
      return tokens.reduce((found, known) => timingSafeEqual(known, digest) || found, false);
    },
    reload,
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}

async function readTokens(path: string): Promise<readonly Buffer[]> {
  const text = (await readRegularFile(path)).toString('utf8');
  const lines = text
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
