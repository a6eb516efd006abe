import { Arrival } from './arrival.ts';
import type { ArrivalOwner, GuardedMethod } from './arrival.ts';
import type { ClientConnections, FailedSession } from './client-connections.ts';
import { LinkedList } from '../small/linked-list.ts';
import type { GuardedSession, GuardedStream } from './guarded.ts';
import type { RefusedStream } from './observer.ts';
import type { Gate } from './gate.ts';
import { refusedStatus } from './refused-status.ts';

export interface StreamGuardOptions {
  readonly connections: ClientConnections;
  readonly methodOf: (path: string) => GuardedMethod | undefined;
  /** Opens xDS streams. */
  readonly gate: Gate;
  /** Opens all other calls. */
  readonly callGate: Gate;
  /** True if there are as many xDS streams as allowed. */
  readonly full: () => boolean;
  readonly maxStreams: number;
  readonly limits: StreamGuardLimits;
  readonly clock: () => number;
  readonly refused: (reason: RefusedStream) => void;
}

/** Limits on streams before they are served. */
export interface StreamGuardLimits {
  /** Time for the first request of a stream, and for a request that has begun, in ms. */
  readonly requestTimeoutMs: number;
  /** Maximum number of open streams without a request, of all connections. Above it the oldest is refused. */
  readonly silentStreams: number;
  /** Maximum number of open calls of one connection that are not xDS streams: health, reflection, Fetch. */
  readonly connectionCalls: number;
}

/** The default limits of the guard. */
export const defaultGuardLimits: StreamGuardLimits = {
  requestTimeoutMs: 10_000,
  silentStreams: 10_000,
  connectionCalls: 100,
};

/** Stands between HTTP/2 and gRPC. A stream reaches gRPC once its client has sent data and its turn has come. */
export interface StreamGuard {
  /** Accepts a new stream. */
  enter(session: GuardedSession, stream: GuardedStream): void;
  /** Reports that the transport closed a connection because of its client. */
  failed(session: GuardedSession, reason: FailedSession): void;
  /** Refuses the xDS streams that are not served yet. */
  close(): void;
}

const unknownMethod: GuardedMethod = { kind: 'call', oneRequest: false };

/** Time between two checks of the streams that are not served yet, in ms. */
const checkEveryMs = 250;

/**
 * Creates a guard. Until its first bytes arrive, a stream costs little: no gRPC object, no token of a rate, no
 * place among `--max-streams`. So a client that opens or resets streams without a request cannot use up what
 * other clients need.
 */
export function createStreamGuard(options: StreamGuardOptions): StreamGuard {
  return new ArrivalGuard(options);
}

class ArrivalGuard implements StreamGuard, ArrivalOwner {
  readonly #options: StreamGuardOptions;
  /** Streams that wait for data or the end from their client, the oldest first. */
  readonly #awaitingClient = new LinkedList<Arrival>();
  /** The other ones: xDS streams that wait for their turn, and all calls that are not xDS streams. */
  readonly #others = new LinkedList<Arrival>();
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
  }

  enter(session: GuardedSession, stream: GuardedStream): void {
    const { connections, methodOf, limits } = this.#options;
    const connection = connections.of(session);
    if (connection.isClosed) return;
    if (stream.isGone) return connection.countUseless();
    const method = methodOf(stream.path);
    const arrival = new Arrival(this, stream, connection, method ?? unknownMethod);
    if (method?.kind !== 'xds') connection.calls += 1;
    stream.whenGone(arrival);
    if (method === undefined || !isGrpc(stream)) {
      connection.countUseless();
      return this.refuse(arrival, 'unknown-method');
    }
    if (method.kind === 'call' && connection.calls > limits.connectionCalls) {
      connection.countUseless();
      return this.refuse(arrival, 'too-many-calls');
    }
    if (this.#isClosing && method.kind === 'xds') return this.refuse(arrival, 'draining');
    if (stream.isComplete || stream.unreadBytes > 0) return this.#admit(arrival);
    this.#awaitingClient.add(arrival);
    this.#startChecking();
    stream.whenReadable(arrival);
    const oldest = this.#awaitingClient.size > limits.silentStreams ? this.#awaitingClient.first : undefined;
    if (oldest === undefined) return;
    this.#awaitingClient.delete(oldest);
    this.#expire(oldest);
  }

  failed(session: GuardedSession, reason: FailedSession): void {
    this.#options.connections.failed(session, reason);
  }

  close(): void {
    this.#isClosing = true;
    this.#options.gate.close();
    const silent = [...this.#awaitingClient].filter(
      ({ method, isRefused }) => method.kind === 'xds' && !isRefused,
    );
    for (const arrival of silent) {
      this.#awaitingClient.delete(arrival);
      this.refuse(arrival, 'draining');
    }
  }

  // Called by arrivals

  now(): number {
    return this.#options.clock();
  }

  refuse(arrival: Arrival, reason: RefusedStream): void {
    this.#options.refused(reason);
    arrival.stream.refuse(...refusedStatus(reason, this.#options));
    if (arrival.stream.isGone) return;
    // A client that gets the status ends the stream. Resetting it at once could overtake the status.
    arrival.renew();
    arrival.isRefused = true;
    this.#awaitingClient.add(arrival);
    this.#startChecking();
  }

  readable(arrival: Arrival): void {
    if (!arrival.isRefused && this.#awaitingClient.has(arrival)) this.#admit(arrival);
  }

  served(arrival: Arrival): void {
    const { stream, method } = arrival;
    if (method.kind === 'xds') {
      stream.release();
      this.#others.delete(arrival);
      return arrival.count(0);
    }
    if (stream.isGone) return;
    if (method.oneRequest && !stream.isComplete) {
      this.#awaitingClient.add(arrival);
      this.#startChecking();
      stream.whenComplete(arrival);
    }
    stream.followRequests(arrival);
  }

  completed(arrival: Arrival): void {
    if (this.#awaitingClient.has(arrival)) this.#others.add(arrival);
  }

  expectRest(arrival: Arrival, isIncomplete: boolean): void {
    if (!isIncomplete || arrival.stream.isGone) this.#others.add(arrival);
    else if (!this.#awaitingClient.has(arrival)) {
      arrival.renew();
      this.#awaitingClient.add(arrival);
    }
    this.#startChecking();
  }

  leave(arrival: Arrival): void {
    const { gate, callGate, limits } = this.#options;
    arrival.hasLeft = true;
    arrival.list?.delete(arrival);
    arrival.count(0);
    (arrival.method.kind === 'xds' ? gate : callGate).leave(arrival);
    if (arrival.method.kind === 'call') arrival.connection.calls -= 1;
    const isYoung = this.now() - arrival.since < limits.requestTimeoutMs;
    if (isYoung && !arrival.stream.hasResponded) arrival.connection.countUseless();
  }

  #admit(arrival: Arrival): void {
    const { gate, callGate, full } = this.#options;
    this.#awaitingClient.delete(arrival);
    if (arrival.stream.isGone) return;
    const isXds = arrival.method.kind === 'xds';
    if (isXds && full()) return this.refuse(arrival, 'too-many');
    (isXds ? gate : callGate).enter(arrival);
    // From its beginning on, an xDS stream counts its bytes itself.
    if (!(isXds && arrival.isServed) && !arrival.hasLeft && arrival.list === undefined) this.#track(arrival);
  }

  #track(arrival: Arrival): void {
    this.#others.add(arrival);
    arrival.recount();
    this.#startChecking();
  }

  #startChecking(): void {
    this.#timer ??= setInterval(() => this.#check(), checkEveryMs).unref();
  }

  #check(): void {
    for (const arrival of this.#awaitingClient) if (arrival.isServed) arrival.recount();
    for (const arrival of this.#others) arrival.recount();
    const before = this.now() - this.#options.limits.requestTimeoutMs;
    for (const arrival of this.#awaitingClient) {
      if (arrival.since > before) break;
      // After the sockets have been read: data that arrived while the event loop was busy is not late.
      setImmediate(() => this.#awaitingClient.delete(arrival) && this.#expire(arrival));
    }
    if (this.#awaitingClient.size + this.#others.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expire(arrival: Arrival): void {
    if (arrival.isRefused) return arrival.stream.finish();
    arrival.connection.countUseless();
    if (!arrival.isServed) return this.refuse(arrival, 'no-request');
    // gRPC has the stream, and learns of its end from the reset.
    this.#options.refused('no-request');
    arrival.stream.reset();
  }
}

function isGrpc({ contentType }: GuardedStream): boolean {
  return contentType?.startsWith('application/grpc') === true;
}
