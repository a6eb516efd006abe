import { Server } from '@grpc/grpc-js';
import type { ServerHttp2Session } from 'node:http2';
import { timerMs } from '../xds/timers/timers.ts';

/** How connections are probed. Times are in ms. */
export interface KeepAliveOptions {
  /** How often an idle connection is asked for a sign of life. */
  readonly intervalMs: number;
  /** How long that may take. */
  readonly timeoutMs: number;
}

/** A looked-over connection. */
interface Probed {
  readonly session: ServerHttp2Session;
  /** The tick at which the connection is asked, or given up. */
  due: number;
  asked: boolean;
}

/** The shorter of the two times is this many ticks. */
const ticksInTime = 4;
const shortestTickMs = 10;
/** A tick is a look at the connections that are due: even once a minute it costs nothing. */
const longestTickMs = 60_000;

/** Whether `keepAlive` can do its work: connections are none of grpc-js' public interface. */
export function canKeepAlive(): boolean {
  return listenersOf(new Server()) !== undefined;
}

/**
 * Lets go of the connections of a listening server whose clients answer no ping. The keepalive of grpc-js 1.14
 * (to be off then) takes the time by a timer, and timers come before what waits in the sockets: where the loop
 * was busy for longer than the timeout, it ends connections whose answers have long arrived. Here time is
 * counted in ticks of the loop, between which all sockets are read, so a busy loop is nobody's silence. One
 * timer serves all connections; they are asked at different ticks. Stop it when the server is shut down.
 */
export function keepAlive(server: Server, { intervalMs, timeoutMs }: KeepAliveOptions): { stop(): void } {
  const tickMs = Math.max(
    shortestTickMs,
    Math.min(intervalMs / ticksInTime, timeoutMs / ticksInTime, longestTickMs),
  );
  const [interval, timeout] = [Math.ceil(intervalMs / tickMs), Math.ceil(timeoutMs / tickMs)];
  // By the tick at which they are due: to look at all of them at each tick is an eighth of what idle ones cost.
  // Only ticks at which a connection is due have an entry, however long the interval is.
  const slots = new Map<number, Set<Probed>>();
  let now = 0;

  function watch(session: ServerHttp2Session): void {
    const probed: Probed = { session, due: 0, asked: false };
    put(probed, 1 + Math.floor(Math.random() * interval));
    session.once('close', () => remove(probed));
  }

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
      if (probed.asked || probed.session.destroyed) probed.session.destroy();
      else ask(probed);
    }
    slots.delete(now);
  }

  function ask(probed: Probed): void {
    const { session } = probed;
    probed.asked = true;
    // The first of the ticks may be due already.
    put(probed, timeout + 1);
    const sent = session.ping((error) => {
      probed.asked = false;
      if (error === null) put(probed, interval);
      else session.destroy();
    });
    if (!sent) session.destroy();
  }

  for (const listener of listenersOf(server) ?? []) listener.on('session', watch);
  const timer = setInterval(tick, timerMs(tickMs));
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

interface SessionSource {
  on(event: 'session', listener: (session: ServerHttp2Session) => void): unknown;
}

function listenersOf(server: Server): readonly SessionSource[] | undefined {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  return listeners instanceof Map ? [...(listeners as Map<SessionSource, unknown>).keys()] : undefined;
}
