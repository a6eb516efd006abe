/** A stream whose requests can be left unread for a while. */
export interface TurnReader {
  pauseReading(): void;
  resumeReading(): void;
  /** Counts the bytes that wait while reading is paused. */
  recount(): void;
}

/** A connection, with its time. Only the turns write it. */
export interface TurnTaker {
  turn?: Turn | undefined;
}

/** Shares the time that requests take among connections. */
export interface ReadTurns {
  /** Adds a stream of a connection. It is paused if its connection has to wait for its turn. */
  join(connection: TurnTaker, reader: TurnReader): void;
  leave(connection: TurnTaker, reader: TurnReader): void;
  /** Reports the time that a request took, in ms. */
  spent(connection: TurnTaker, reader: TurnReader, ms: number): void;
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
/**
 * While all requests together exceed their share by less than this, in ms, the time of a connection is not counted: no
 * connection is paused soon.
 */
const countedFromMs = 5;
/** Time between two looks at the queue, and between two counts of what waits unread, in ms. */
const tickMs = 4;
const recountMs = 40;

/** The time that a connection takes. */
interface Turn {
  /** Its streams. */
  readonly readers: TurnReader[];
  /** Time taken in a window, in whole microseconds: V8 keeps a fraction in an object of its own. */
  used: number;
  /** Number of that window. */
  window: number;
  isPaused: boolean;
}

/**
 * Creates the turns. A request within all limits may take milliseconds, and a client may send them without end.
 * While all requests together take more than half of the event loop, the connections that take most of it are
 * paused, and read in turns. Proxies with a few requests are never paused, however busy the server is.
 */
export function createReadTurns(clock: () => number): ReadTurns {
  /** Paused connections, in the order of their turns. */
  const queue = new Set<Turn>();
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

  function pause(turn: Turn): void {
    turn.isPaused = true;
    for (const reader of turn.readers.slice()) reader.pauseReading();
    queue.add(turn);
    timer ??= setInterval(look, tickMs).unref();
  }

  function look(): void {
    const now = payBack();
    if (now - recountedAt >= recountMs) {
      recountedAt = now;
      for (const { readers } of queue) for (const reader of readers.slice()) reader.recount();
    }
    if (debt >= pausedFromMs) return;
    const [next] = queue;
    if (next !== undefined) resume(next, now);
    if (queue.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function resume(turn: Turn, now: number): void {
    queue.delete(turn);
    turn.isPaused = false;
    turn.used = 0;
    turn.window = windowOf(now);
    for (const reader of turn.readers.slice()) reader.resumeReading();
  }

  return {
    join(connection, reader) {
      const { turn } = connection;
      if (turn === undefined) connection.turn = { readers: [reader], used: 0, window: 0, isPaused: false };
      else turn.readers.push(reader);
      if (turn?.isPaused === true) reader.pauseReading();
    },
    // A new stream must not escape the pause, so a paused connection without streams keeps its place.
    leave({ turn }, reader) {
      if (turn === undefined) return;
      remove(turn.readers, reader);
      if (turn.readers.length === 0 && !turn.isPaused) turn.used = 0;
    },
    spent({ turn }, reader, ms) {
      const now = payBack();
      debt = Math.min(mostDebtMs, debt + ms);
      if (turn === undefined || debt < countedFromMs) return;
      const window = windowOf(now);
      if (turn.window !== window) {
        turn.window = window;
        turn.used = 0;
      }
      turn.used += Math.round(ms * 1000);
      if (turn.isPaused || debt < pausedFromMs) return;
      if (turn.used < 1000 * (debt < mostDebtMs / 2 ? turnMs : shortTurnMs)) return;
      // The other streams of the connection come first in its next turn.
      if (remove(turn.readers, reader)) turn.readers.push(reader);
      pause(turn);
    },
  };
}

function windowOf(now: number): number {
  return Math.floor(now / windowMs);
}

/** Removes a stream of a connection. Returns false if it is absent. */
function remove(readers: TurnReader[], reader: TurnReader): boolean {
  const at = readers.indexOf(reader);
  if (at >= 0) readers.splice(at, 1);
  return at >= 0;
}
