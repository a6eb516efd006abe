import { SmallMap } from '../small/small-map.ts';

/** A stream whose requests can be left unread for a while. */
export interface TurnReader {
  pauseReading(): void;
  resumeReading(): void;
  /** Counts the bytes that wait while reading is paused. */
  recount(): void;
}

/** Shares the time that requests take among connections. */
export interface ReadTurns {
  /** Adds a stream of a connection. It is paused if its connection has to wait for its turn. */
  join(connection: object, reader: TurnReader): void;
  leave(connection: object, reader: TurnReader): void;
  /** Reports the time that a request took, in ms. */
  spent(connection: object, reader: TurnReader, ms: number): void;
}

/** Share of the event loop that requests may take while connections wait for their turn. */
const share = 0.5;
/** Time above the share from which connections are paused, and the most that is remembered, in ms. */
const pausedFromMs = 25;
const mostDebtMs = 200;
/** A connection is not paused before it has taken this much time in a window, in ms. An Envoy's request takes 0.3. */
const turnMs = 5;
/** The same while requests take much more than their share. */
const shortTurnMs = 1;
const windowMs = 100;
/** Time between two looks at the queue, and between two counts of what waits unread, in ms. */
const tickMs = 4;
const recountMs = 40;

interface Connection {
  readonly key: object;
  readonly readers: SmallMap<TurnReader, true>;
  /** Time taken in the current window, in ms, and the start of that window. */
  used: number;
  windowStart: number;
  isPaused: boolean;
}

/**
 * Creates the turns. A request within all limits may take milliseconds, and a client may send them without end.
 * While all requests together take more than half of the event loop, the connections that take most of it are
 * paused, and read in turns. Proxies with a few requests are never paused, however busy the server is.
 */
export function createReadTurns(clock: () => number): ReadTurns {
  // Not a WeakMap: each garbage collection visits all of its entries.
  const connections = new Map<object, Connection>();
  /** Paused connections, in the order of their turns. */
  const queue = new Set<Connection>();
  /** Time that requests took above their share, in ms. */
  let debt = 0;
  let countedAt = clock();
  let recountedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  function payBack(): number {
    const now = clock();
    debt = Math.max(0, debt - (now - countedAt) * share);
    countedAt = now;
    return now;
  }

  function pause(connection: Connection): void {
    connection.isPaused = true;
    for (const reader of connection.readers.keys()) reader.pauseReading();
    queue.add(connection);
    timer ??= setInterval(look, tickMs).unref();
  }

  function look(): void {
    const now = payBack();
    if (now - recountedAt >= recountMs) {
      recountedAt = now;
      for (const { readers } of queue) for (const reader of readers.keys()) reader.recount();
    }
    if (debt >= pausedFromMs) return;
    const [next] = queue;
    if (next !== undefined) resume(next, now);
    if (queue.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function resume(connection: Connection, now: number): void {
    queue.delete(connection);
    connection.isPaused = false;
    connection.used = 0;
    connection.windowStart = now;
    for (const reader of connection.readers.keys()) reader.resumeReading();
    if (connection.readers.size === 0) connections.delete(connection.key);
  }

  return {
    join(key, reader) {
      let connection = connections.get(key);
      if (connection === undefined) {
        connection = {
          key,
          readers: new SmallMap<TurnReader, true>(),
          used: 0,
          windowStart: 0,
          isPaused: false,
        };
        connections.set(key, connection);
      }
      connection.readers.set(reader, true);
      if (connection.isPaused) reader.pauseReading();
    },
    leave(key, reader) {
      const connection = connections.get(key);
      connection?.readers.delete(reader);
      if (connection?.readers.size !== 0) return;
      // A new stream must not escape the pause, so the connection keeps its place. It resumes in its turn.
      if (!connection.isPaused) connections.delete(key);
    },
    spent(key, reader, ms) {
      const now = payBack();
      debt = Math.min(mostDebtMs, debt + ms);
      const connection = connections.get(key);
      if (connection === undefined) return;
      if (now - connection.windowStart >= windowMs) {
        connection.windowStart = now;
        connection.used = 0;
      }
      connection.used += ms;
      if (connection.isPaused || debt < pausedFromMs) return;
      if (connection.used < (debt < mostDebtMs / 2 ? turnMs : shortTurnMs)) return;
      // The other streams of the connection come first in its next turn.
      if (connection.readers.delete(reader)) connection.readers.set(reader, true);
      pause(connection);
    },
  };
}
