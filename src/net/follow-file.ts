import { oneAtATime } from './one-at-a-time.ts';
import { readRegularFile, readWhole } from './read-regular-file.ts';
import type { WholeReading } from './read-regular-file.ts';
import { changedWhileRead, longestUnrestMs, readSettled } from './read-settled.ts';
import { reasonWithPlace } from '../text/system-error.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** A file that is read again when it changes. */
export interface FollowedFile<Value> {
  /** Returns the value of the last content that could be used. */
  current(): Value;
  /** Reads the file now. */
  reload(): Promise<void>;
  close(): void;
}

/** Callbacks of a followed file. */
export interface FileEvents<Value> {
  /** Called with each value after the first. If it throws, this is a problem, and it is called again. */
  readonly loaded?: ((value: Value) => void) | undefined;
  /**
   * Called once for each reason why the file cannot be used any more, and with `undefined` when it can be used again.
   * The previous value stays in force meanwhile.
   */
  readonly problem: (reason: string | undefined) => void;
  /** Called if the file changes again and again, once until it rests: its newest usable content is applied then. */
  readonly restless?: (() => void) | undefined;
}

/** Interval at which the file is read again, in milliseconds. */
const defaultPollMs = 5_000;

/** Times in milliseconds. Tests wait less. */
export interface FollowTimes {
  /** Interval at which the file is read again. */
  readonly pollMs?: number | undefined;
  /** Time for which a changed file is read until it rests. */
  readonly unrestMs?: number | undefined;
}

/**
 * Reads a file, and reads it again when it changes. The file is polled, because such files are replaced by renames,
 * switched links or new mounts. `parse` throws if the content cannot be used.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followFile<Value>(
  path: string,
  parse: (content: Buffer) => Value,
  events: FileEvents<Value>,
  { pollMs = defaultPollMs, unrestMs = longestUnrestMs }: FollowTimes = {},
): Promise<FollowedFile<Value>> {
  let content = await readRegularFile(path);
  let value = parse(content);
  let problem: string | undefined;
  let closed = false;
  let reading = false;
  const become = (next: string | undefined): void => {
    if (next === problem || closed) return;
    problem = next;
    events.problem(next);
  };
  let isRestless = false;
  const isUsable = ({ content: next, isWhole }: WholeReading): boolean => {
    try {
      parse(next);
      return isWhole;
    } catch {
      return false;
    }
  };
  const reload = oneAtATime(async () => {
    try {
      const settled = await readSettled({
        read: () => readWhole(path),
        isSame: (one, other) => one.content.equals(other.content),
        isInForce: (reading) => reading.content.equals(content),
        isUsable,
        isClosed: () => closed,
        longestUnrestMs: unrestMs,
      });
      if (closed) return;
      if (settled.isRestless && !isRestless) events.restless?.();
      ({ isRestless } = settled);
      const next = settled.reading.content;
      if (!next.equals(content)) {
        const parsed = parse(next);
        if (settled.isGivenUp) throw new Error(`${path} ${changedWhileRead}`);
        value = parsed;
        events.loaded?.(value);
        content = next;
      }
      become(undefined);
    } catch (error) {
      become(reasonWithPlace(error));
    }
  });
  const timer = setInterval(() => {
    if (reading) return;
    reading = true;
    void reload().finally(() => (reading = false));
  }, timerMs(pollMs)).unref();
  return {
    current: () => value,
    reload,
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}
