import { timerMs } from '../xds/timers/timers.ts';

/** The times of probes, in milliseconds. */
export interface ProbeTimes {
  /** The time between an answered ping and the next ping of a connection. */
  readonly intervalMs: number;
  /** The maximum time that a client may take to answer a ping. */
  readonly timeoutMs: number;
}

/** A connection that can be pinged. */
export interface ProbedConnection {
  /** True if the connection was closed, even if output still waits. It is not probed any more. */
  readonly isGone: boolean;
  /** True while a ping would not reach the client. The connection counts as alive: other limits apply to it. */
  readonly isBlocked?: boolean;
  /**
   * Sends a ping and returns true, or returns false if it cannot. `answered(false)` means that the connection broke.
   */
  ping(answered: (isAlive: boolean) => void): boolean;
  destroy(): void;
  whenGone(callback: () => void): void;
}

/** Probes connections until it is stopped. */
export interface ConnectionProber {
  watch(connection: ProbedConnection): void;
  stop(): void;
}

/** A watched connection. */
interface Probed {
  readonly connection: ProbedConnection;
  /** The tick at which the connection is pinged, or closed if a ping is unanswered. */
  due: number;
  asked: boolean;
}

/** Ticks in the shorter of the two times, unless the limits of a tick below apply. */
const ticksInTime = 4;
const shortestTickMs = 10;
/** The longest tick. A tick only visits the connections that are due. */
const longestTickMs = 60_000;

/**
 * Closes connections whose clients do not answer a ping. Time is counted in ticks of a timer, because the event loop
 * reads all sockets between two ticks. A time-out by the clock would run before answers that wait in the sockets are
 * read: if the loop is busy, live clients would look silent. One timer serves all connections, at different ticks.
 */
export function probeConnections({ intervalMs, timeoutMs }: ProbeTimes): ConnectionProber {
  const tickMs = Math.max(
    shortestTickMs,
    Math.min(intervalMs / ticksInTime, timeoutMs / ticksInTime, longestTickMs),
  );
  const [interval, timeout] = [Math.ceil(intervalMs / tickMs), Math.ceil(timeoutMs / tickMs)];
  // Connections by the tick at which they are due. Visiting every connection at each tick took an eighth of the cost of
  // idle connections. A tick has an entry only if a connection is due, so a long interval costs no memory.
  const slots = new Map<number, Set<Probed>>();
  let now = 0;

  /** Makes a connection due after the given number of ticks. */
  function put(probed: Probed, ticks: number): void {
    remove(probed);
    probed.due = now + ticks;
    const slot = slots.get(probed.due);
    if (slot === undefined) slots.set(probed.due, new Set([probed]));
    else slot.add(probed);
  }

  function remove(probed: Probed): void {
    const slot = slots.get(probed.due);
    if (slot?.delete(probed) === true && slot.size === 0) slots.delete(probed.due);
  }

  function tick(): void {
    now += 1;
    for (const probed of slots.get(now) ?? []) {
      const { connection, asked } = probed;
      if (connection.isGone) remove(probed);
      else if (connection.isBlocked === true) isAlive(probed);
      else if (asked) connection.destroy();
      else ask(probed);
    }
    slots.delete(now);
  }

  function isAlive(probed: Probed): void {
    probed.asked = false;
    put(probed, interval);
  }

  function ask(probed: Probed): void {
    const { connection } = probed;
    probed.asked = true;
    // One tick more: if this tick ran late, the next one may be due already.
    put(probed, timeout + 1);
    const sent = connection.ping((isAnswer) => {
      if (isAnswer) isAlive(probed);
      else connection.destroy();
    });
    if (!sent) connection.destroy();
  }

  const timer = setInterval(tick, timerMs(tickMs));
  timer.unref();
  return {
    watch(connection) {
      const probed: Probed = { connection, due: 0, asked: false };
      put(probed, 1 + Math.floor(Math.random() * interval));
      connection.whenGone(() => remove(probed));
    },
    stop: () => clearInterval(timer),
  };
}
