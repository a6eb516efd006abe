import type { Ending, StreamRecord } from './records.ts';

/** A stream of a proxy that has ended. `at`: epoch milliseconds. */
export interface EndedStream {
  readonly stream: StreamRecord;
  readonly ending: Ending;
  readonly at: number;
}

/** The time within which the streams of one connection end, in ms. */
const togetherMs = 1_000;

/**
 * Returns the ended streams of a proxy with one more, in the same list if none is dropped. A stream that the proxy did
 * not close counts until the proxy opens another one; a closed one only together with those of its connection. Their
 * number has no limit of its own: a proxy may have a stream for each secret, and a dropped one may be the only one that
 * was behind. There are at most as many as the proxy had open at once, because the next stream clears the list.
 */
export function withEnded(ended: EndedStream[], last: EndedStream): EndedStream[] {
  const [first] = ended;
  if (first === undefined) return [last];
  if (last.at - first.at >= togetherMs) {
    const recent = ended.filter(({ ending, at }) => ending !== 'closed' || last.at - at < togetherMs);
    if (recent.length < ended.length) return [...recent, last];
  }
  ended.push(last);
  return ended;
}
