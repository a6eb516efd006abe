import { setTimeout as sleep } from 'node:timers/promises';
import { oneAtATime } from './one-at-a-time.ts';
import { readRegularFile } from './read-regular-file.ts';
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
}

/** Interval at which the file is read again, in milliseconds. */
const defaultPollMs = 5_000;
/** Time for which a changed file must stay the same, in milliseconds: a file in the middle of a write lacks its end. */
const settleMs = 100;

/**
 * Reads a file, and reads it again when it changes. The file is polled, because such files are replaced by renames,
 * switched links or new mounts. `parse` throws if the content cannot be used.
 * @throws {Error} if it cannot be used at the start.
 */
export async function followFile<Value>(
  path: string,
  parse: (content: Buffer) => Value,
  events: FileEvents<Value>,
  pollMs: number = defaultPollMs,
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
  /** Reads a changed file until two readings are equal. */
  async function readSettled(): Promise<Buffer> {
    let next = await readRegularFile(path);
    while (!next.equals(content)) {
      await sleep(settleMs, undefined, { ref: false });
      const before = next;
      next = await readRegularFile(path);
      if (closed || next.equals(before)) break;
    }
    return next;
  }
  const reload = oneAtATime(async () => {
    try {
      const next = await readSettled();
      if (closed) return;
      if (!next.equals(content)) {
        value = parse(next);
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
