import { Server } from '@grpc/grpc-js';
import type { ServerHttp2Session } from 'node:http2';
import { probeConnections } from '../net/probe-connections.ts';
import type { ProbedConnection, ProbeTimes } from '../net/probe-connections.ts';

/** Returns true if `keepAlive` works with this grpc-js: connections are not part of its public interface. */
export function canKeepAlive(): boolean {
  return listenersOf(new Server()) !== undefined;
}

/**
 * Ends the connections of a listening server whose clients answer no ping. The keepalive of grpc-js 1.14 (to be off
 * then) measures time with a timer: if the loop was busy for longer than the timeout, it ends connections whose answers
 * have already arrived. Stop it when the server is shut down.
 */
export function keepAlive(server: Server, times: ProbeTimes): { stop(): void } {
  const prober = probeConnections(times);
  for (const listener of listenersOf(server) ?? [])
    listener.on('session', (session) => prober.watch(new ProbedSession(session)));
  return prober;
}

class ProbedSession implements ProbedConnection {
  readonly #session: ServerHttp2Session;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
  }

  get isGone(): boolean {
    return this.#session.destroyed;
  }

  ping(answered: (isAlive: boolean) => void): boolean {
    return this.#session.ping((error) => answered(error === null));
  }

  destroy(): void {
    this.#session.destroy();
  }

  whenGone(callback: () => void): void {
    this.#session.once('close', callback);
  }
}

interface SessionSource {
  on(event: 'session', listener: (session: ServerHttp2Session) => void): unknown;
}

function listenersOf(server: Server): readonly SessionSource[] | undefined {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  return listeners instanceof Map ? [...(listeners as Map<SessionSource, unknown>).keys()] : undefined;
}
