import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { readText } from '../../kubernetes/client/list-pages.ts';
import { refusedRequest, unreachable, unreadable } from '../../kubernetes/client/request-failure.ts';
import { createLineSplitter, readWatchLines } from './watch-lines.ts';
import type { WatchInput } from '../../kubernetes/client/watch-types.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface WatchRequest {
  readonly path: string;
  readonly resourceVersion: string;
  /** The API server is asked to end the watch after so many seconds. */
  readonly timeoutSeconds: number;
  /** A watch that is silent for so many milliseconds is given up. */
  readonly silenceMs: number;
}

/** The head of an answer must be there within so many milliseconds. */
const headMs = 30_000;
const maxErrorLength = 64 * 1024;

/**
 * One watch, from request to end: `opened` and what changed, and last what ended it. Never throws. Ends the
 * connection when the consumer returns early or `signal` is aborted.
 */
export async function* watchOnce(
  client: ApiClient,
  { path, resourceVersion, timeoutSeconds, silenceMs }: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchInput, void, undefined> {
  const ended = new AbortController();
  const silence = silenceTimer(ended);
  const query = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(timeoutSeconds),
  });
  let openedAt: number | undefined;
  try {
    silence.set(headMs);
    const answer = await client.get(`${path}?${query.toString()}`, AbortSignal.any([signal, ended.signal]));
    const { status, retryAfterMs, body } = answer;
    if (status !== 200) {
      yield refusedRequest({ status, retryAfterMs }, await readText(body, maxErrorLength));
      return;
    }
    openedAt = performance.now();
    yield { kind: 'opened' };
    const split = createLineSplitter();
    body.setEncoding('utf8');
    silence.set(silenceMs);
    for await (const piece of body) {
      silence.set(silenceMs);
      const { changes, end } = readWatchLines(split(String(piece)));
      if (changes.length > 0) yield { kind: 'changed', changes };
      if (end !== undefined) {
        yield end;
        return;
      }
    }
    yield { kind: 'closed', livedMs: performance.now() - openedAt };
  } catch (error) {
    // A watch that breaks in the middle is like one that ends: the next request tells what is wrong.
    if (error instanceof RangeError) yield unreadable(error.message);
    else if (openedAt === undefined) yield unreachable(error);
    else yield { kind: 'closed', livedMs: performance.now() - openedAt };
  } finally {
    silence.clear();
    ended.abort();
  }
}

/** Aborts when the time that was set last is over. */
function silenceTimer(controller: AbortController): { set(milliseconds: number): void; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => clearTimeout(timer);
  return {
    set: (milliseconds) => {
      clear();
      const silent = (): void => controller.abort(new Error(`no answer for ${milliseconds} ms`));
      timer = setTimeout(silent, timerMs(milliseconds));
    },
    clear,
  };
}
