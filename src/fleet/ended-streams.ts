import type { EndedStream } from './records.ts';

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

/** Returns the ended streams that still count: those that the proxy closed, and others for the lost window (ms). */
export function withoutOutdated(ended: EndedStream[], now: number, lostWindowMs: number): EndedStream[] {
  if (ended.every(({ ending, at }) => ending === 'closed' || now - at < lostWindowMs)) return ended;
  return ended.filter(({ ending, at }) => ending === 'closed' || now - at < lostWindowMs);
}
