import type { Ending, StreamRecord } from './records.ts';

/** A stream of a proxy that has ended. `at`: epoch milliseconds. */
export interface EndedStream {
  readonly stream: StreamRecord;
  readonly ending: Ending;
  readonly at: number;
}

/** The time within which the streams of one connection end, in ms. */
const togetherMs = 1_000;
/** The most ended streams kept for a connected proxy. A proxy has a stream for each listener, in one connection. */
const mostEnded = 16;

/**
 * Returns the ended streams of a proxy with one more, in the same list if none is dropped. A broken stream counts until
 * the proxy reconnects; a closed one only together with those of its connection.
 */
export function withEnded(ended: EndedStream[], last: EndedStream): EndedStream[] {
  const [first] = ended;
  if (first === undefined) return [last];
  if (ended.length < mostEnded && last.at - first.at < togetherMs) {
    ended.push(last);
    return ended;
  }
  const recent = ended.filter(({ ending, at }) => ending === 'silence' || last.at - at < togetherMs);
  return [...recent, last].slice(-mostEnded);
}
