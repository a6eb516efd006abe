import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { selectorOf } from '../../kubernetes/client/api-object.ts';
import type { WatchedResource } from '../../kubernetes/client/api-object.ts';
import { readText } from '../../kubernetes/client/list-pages.ts';
import { refusedRequest, unreachable, unreadable } from '../../kubernetes/client/request-failure.ts';
import { createLineSplitter, readWatchLines } from './watch-lines.ts';
import type { WatchPiece } from './watch-lines.ts';
import type { WatchInput } from '../../kubernetes/client/watch-types.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface WatchRequest {
  readonly resource: WatchedResource;
  readonly path: string;
  readonly resourceVersion: string;
  /** Seconds after which the API server is to end the watch. */
  readonly timeoutSeconds: number;
  /** Milliseconds without data after which the watch is closed. */
  readonly silenceMs: number;
}

/** Maximum time until the response headers, in milliseconds. */
const headMs = 30_000;
/** The length at which the body of an error response is cut, in characters. */
const maxErrorLength = 64 * 1024;

/**
 * Sends one watch request. Yields `opened`, the changes, and at the end the reason why the watch ended. Never throws.
 * Closes the connection also if the consumer returns early or `signal` is aborted.
 */
export async function* watchOnce(
  client: ApiClient,
  { resource, path, resourceVersion, timeoutSeconds, silenceMs }: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchInput, void, undefined> {
  const ended = new AbortController();
  const silence = silenceTimer(ended);
  const query = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(timeoutSeconds),
    ...selectorOf(resource),
  });
  let openedAt: number | undefined;
  try {
    silence.set(headMs);
    const answer = await client.get(`${path}?${query.toString()}`, AbortSignal.any([signal, ended.signal]));
    const { status, retryAfterMs, body } = answer;
    if (status !== 200) {
      yield refusedRequest({ status, retryAfterMs }, await readText(body, maxErrorLength), resource);
      return;
    }
    openedAt = performance.now();
    yield { kind: 'opened' };
    const split = createLineSplitter();
    body.setEncoding('utf8');
    silence.set(silenceMs);
    const pieces = body[Symbol.asyncIterator]();
    for (;;) {
      const piece = await readNext(pieces, (text) => readWatchLines(split(text), resource));
      if (piece === undefined) break;
      silence.set(silenceMs);
      const { changes, end } = piece;
      if (changes.length > 0) yield { kind: 'changed', changes };
      if (end !== undefined) {
        yield end;
        return;
      }
    }
    yield { kind: 'closed', livedMs: performance.now() - openedAt };
  } catch (error) {
    // The line splitter throws a RangeError for a line that is too long. A broken connection counts as the normal end
    // of a watch: if the API server has a problem, the next request fails and reports it.
    if (error instanceof RangeError) yield unreadable(error.message);
    else if (openedAt === undefined) yield unreachable(error);
    else if (ended.signal.aborted) yield { kind: 'silent' };
    else yield { kind: 'closed', livedMs: performance.now() - openedAt };
  } finally {
    silence.clear();
    ended.abort();
  }
}

/**
 * Reads the next piece of a body, or returns `undefined` at its end. Not `for await`: the loop would keep the text of
 * the last piece in memory until the next one arrives, and a MeshIdentity or a Secret can contain a private key.
 */
async function readNext(
  pieces: AsyncIterator<unknown, undefined>,
  read: (text: string) => WatchPiece,
): Promise<WatchPiece | undefined> {
  const { value, done } = await pieces.next();
  return done === true ? undefined : read(String(value));
}

/** Creates a timer. `set` restarts it; when it expires, it aborts the controller. */
function silenceTimer(controller: AbortController): { set(milliseconds: number): void; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => clearTimeout(timer);
  return {
    set: (milliseconds) => {
      clear();
      const onSilence = (): void => controller.abort(new Error(`no data for ${milliseconds} ms`));
      timer = setTimeout(onSilence, timerMs(milliseconds));
    },
    clear,
  };
}
