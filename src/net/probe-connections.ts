import { timerMs } from '../xds/timers/timers.ts';

/** The times of probes, in milliseconds. */
export interface ProbeTimes {
  /** Interval of the pings on an idle connection. */
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

/** A connection that can be pinged. */
export interface ProbedConnection {
  readonly isGone: boolean;
  /** Sends a ping. `answered` gets false if the connection broke meanwhile. Returns false if no ping can be sent. */
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
  /** The tick at which the connection is pinged, or ended. */
  due: number;
  asked: boolean;
}

/** The shorter of the two times takes this number of ticks. */
const ticksInTime = 4;
const shortestTickMs = 10;
/** The longest tick. A tick only visits the connections that are due. */
const longestTickMs = 60_000;

/**
 * Ends connections whose clients answer no ping. Time is counted in ticks of the event loop, between which all sockets
 * are read: timers come before what waits in the sockets, so that a busy loop would look like silent clients. One
 * timer serves all connections; they are pinged at different ticks.
 */
export function probeConnections({ intervalMs, timeoutMs }: ProbeTimes): ConnectionProber {
  const tickMs = Math.max(
    shortestTickMs,
    Math.min(intervalMs / ticksInTime, timeoutMs / ticksInTime, longestTickMs),
  );
  const [interval, timeout] = [Math.ceil(intervalMs / tickMs), Math.ceil(timeoutMs / tickMs)];
  // Connections by the tick at which they are due. Visiting all of them at each tick was an eighth of the cost of idle
  // ones. Only ticks at which a connection is due have an entry, however long the interval is.
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
      if (probed.asked || probed.connection.isGone) probed.connection.destroy();
      else ask(probed);
    }
    slots.delete(now);
  }

  function ask(probed: Probed): void {
    const { connection } = probed;
    probed.asked = true;
    // The first of the ticks may be due already.
    put(probed, timeout + 1);
    const sent = connection.ping((isAlive) => {
      probed.asked = false;
      if (isAlive) put(probed, interval);
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
