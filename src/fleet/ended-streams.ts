import type { Ending, EndedStream, SecretRecord, StreamRecord } from './records.ts';
import { worstOf } from './records.ts';

/** The time within which the streams of one connection end, in ms. */
const togetherMs = 1_000;
/**
 * The time in which the server notices that a connection is dead, in ms. By default it takes 55 s for an idle one, and
 * 60 s for one with an unread response.
 */
const noticedMs = 120_000;

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
  readonly streams: ReadonlySet<StreamRecord>;
  ended: EndedStream[];
  /** The number of these streams and their secrets. */
  endedSize: number;
}

/** Keeps the ended streams of connected proxies. Times are in ms. */
export interface EndedStreams {
  /** Adds a stream. `isLast`: the proxy has no other, so the list is about to leave the proxy. */
  add(proxy: WithEnded, stream: StreamRecord, ending: Ending, now: number, isLast: boolean): void;
  /** Forgets the ended streams that no longer count: those before the lost window, and replaced ones. */
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

  function keep(proxy: WithEnded, counts: (one: EndedStream) => boolean): void {
    const ended = proxy.ended.filter(counts);
    if (ended.length < proxy.ended.length) replace(proxy, ended, sizeOf(ended));
  }

  const isInWindow = ({ ending, at }: EndedStream, now: number): boolean =>
    ending === 'closed' || now - at < lostWindowMs;

  function addUnknown(proxy: WithEnded, { info, since }: StreamRecord, ending: Ending, at: number): void {
    const stream = { info, since, awaiting: true, secrets: unknownSecrets };
    const last = proxy.ended.at(-1);
    // The usual case beyond the limit. To search the list for each of thousands of streams takes seconds.
    if (last !== undefined && isUnknown(last)) {
      proxy.ended[proxy.ended.length - 1] = { stream, ending: worstOf([last, { ending }]), at };
      return;
    }
    const before = proxy.ended.find(isUnknown);
    const unknown = { stream, ending: before === undefined ? ending : worstOf([before, { ending }]), at };
    const ended = [...proxy.ended.filter((one) => one !== before), unknown];
    replace(proxy, ended, sizeOf(ended));
  }

  return {
    add(proxy, stream, ending, now, isLast) {
      const [first] = proxy.ended;
      // The list has the order of the ends. A connection that breaks can end thousands of streams of a proxy at once.
      if (first !== undefined && now - first.at >= lostWindowMs) keep(proxy, (one) => isInWindow(one, now));
      if (!isLast && total + 1 + stream.secrets.size > most) return addUnknown(proxy, stream, ending, now);
      const ended = withEnded(proxy.ended, { stream, ending, at: now });
      const isSame = ended === proxy.ended;
      replace(proxy, ended, isSame ? proxy.endedSize + 1 + stream.secrets.size : sizeOf(ended));
    },
    age(proxy, now) {
      if (proxy.ended.length === 0) return;
      const latest = latestByName(proxy.streams);
      keep(proxy, (one) => isInWindow(one, now) && !isReplaced(one, latest));
    },
    clear: (proxy) => {
      if (proxy.ended.length > 0) replace(proxy, [], 0);
    },
  };
}

function isUnknown({ stream }: EndedStream): boolean {
  return stream.secrets === unknownSecrets;
}

/** Returns the stream of each secret that was opened last. */
function latestByName(streams: ReadonlySet<StreamRecord>): ReadonlyMap<string, StreamRecord> {
  const latest = new Map<string, StreamRecord>();
  for (const stream of streams)
    for (const name of stream.secrets.keys()) {
      const other = latest.get(name);
      if (other === undefined || other.since < stream.since) latest.set(name, stream);
    }
  return latest;
}

/**
 * Returns whether the proxy reconnected before the server noticed that the stream was dead: it has all secrets of the
 * stream on other connections, opened shortly before the end and after the last sign of life on the stream.
 */
function isReplaced({ stream, ending, at }: EndedStream, latest: ReadonlyMap<string, StreamRecord>): boolean {
  const { info, since, awaiting, secrets } = stream;
  if (ending === 'closed' || awaiting || secrets.size === 0) return false;
  let livedAt = since;
  for (const { ackedAt } of secrets.values()) livedAt = Math.max(livedAt, ackedAt);
  for (const name of secrets.keys()) {
    const other = latest.get(name);
    if (other === undefined || other.info.address === info.address) return false;
    if (other.since <= livedAt || other.since < at - noticedMs) return false;
  }
  return true;
}

function sizeOf(ended: readonly EndedStream[]): number {
  return ended.reduce((sum, { stream }) => sum + 1 + stream.secrets.size, 0);
}
