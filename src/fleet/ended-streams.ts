import type { Ending, EndedStream, SecretRecord, StreamRecord } from './records.ts';
import { worstOf } from './records.ts';

/** The time within which the streams of one connection end, in ms. */
const togetherMs = 1_000;

/**
 * Returns the ended streams of a proxy with one more, in the same list if none is dropped. A stream that the proxy did
 * not close counts until the proxy opens another one; a closed one only together with those of its connection. Their
 * number has no limit of its own: a proxy may have a stream for each secret, and a dropped one may be the only one that
 * was behind. There are at most as many as the proxy had open at once, because the next stream clears the list.
 */
function withEnded(ended: EndedStream[], last: EndedStream): EndedStream[] {
  const [first] = ended;
  if (first === undefined) return [last];
  if (last.at - first.at >= togetherMs) {
    const recent = ended.filter(({ ending, at }) => ending !== 'closed' || last.at - at < togetherMs);
    if (recent.length < ended.length) return [...recent, last];
  }
  ended.push(last);
  return ended;
}

/** A connected proxy, with the streams that have ended since it opened the last one. */
interface WithEnded {
  ended: EndedStream[];
  /** The number of these streams and their secrets. */
  endedSize: number;
}

/** Keeps the ended streams of connected proxies. Times are in ms. */
export interface EndedStreams {
  /** Adds a stream. `isLast`: the proxy has no other, so the list is about to leave the proxy. */
  add(proxy: WithEnded, stream: StreamRecord, ending: Ending, now: number, isLast: boolean): void;
  /** Forgets those of a proxy that broke or that the server ended before the lost window. */
  age(proxy: WithEnded, now: number): void;
  /** Forgets those of a proxy, which has opened a stream or left. */
  clear(proxy: WithEnded): void;
}

/** The secrets of a stream of which it is only known that there are some. */
const unknownSecrets: ReadonlyMap<string, SecretRecord> = new Map();

/**
 * Creates the keeper. All proxies together have `most` streams and secrets. A proxy beyond that gets one record, of
 * which nothing is acknowledged, for all further streams: a client may end thousands of streams and keep one.
 */
export function createEndedStreams(lostWindowMs: number, most: number): EndedStreams {
  let total = 0;

  function replace(proxy: WithEnded, ended: EndedStream[], size: number): void {
    total += size - proxy.endedSize;
    proxy.ended = ended;
    proxy.endedSize = size;
  }

  function age(proxy: WithEnded, now: number): void {
    if (proxy.ended.length === 0) return;
    const counts = ({ ending, at }: EndedStream): boolean => ending === 'closed' || now - at < lostWindowMs;
    if (proxy.ended.every(counts)) return;
    const ended = proxy.ended.filter(counts);
    replace(proxy, ended, sizeOf(ended));
  }

  function addUnknown(proxy: WithEnded, { info, since }: StreamRecord, ending: Ending, at: number): void {
    const before = proxy.ended.find(({ stream }) => stream.secrets === unknownSecrets);
    const stream = { info, since, awaiting: true, secrets: unknownSecrets };
    const unknown = { stream, ending: before === undefined ? ending : worstOf([before, { ending }]), at };
    const ended = [...proxy.ended.filter((one) => one !== before), unknown];
    replace(proxy, ended, sizeOf(ended));
  }

  return {
    add(proxy, stream, ending, now, isLast) {
      age(proxy, now);
      if (!isLast && total + 1 + stream.secrets.size > most) return addUnknown(proxy, stream, ending, now);
      const ended = withEnded(proxy.ended, { stream, ending, at: now });
      const isSame = ended === proxy.ended;
      replace(proxy, ended, isSame ? proxy.endedSize + 1 + stream.secrets.size : sizeOf(ended));
    },
    age,
    clear: (proxy) => {
      if (proxy.ended.length > 0) replace(proxy, [], 0);
    },
  };
}

function sizeOf(ended: readonly EndedStream[]): number {
  return ended.reduce((sum, { stream }) => sum + 1 + stream.secrets.size, 0);
}
