import type { ClientConnection, ClientConnections, FailedSession } from './client-connections.ts';
import { LinkedList } from '../small/linked-list.ts';
import type { ListEntry } from '../small/linked-list.ts';
import type { GuardedSession, GuardedStream, StreamFollower } from './guarded.ts';
import type { RefusedStream } from './observer.ts';
import type { Gate, Opening } from './gate.ts';
import { refusedStatus } from './refused-status.ts';

/** A method of the server, with what its budgets need. */
export interface GuardedMethod {
  /** xDS streams have `--max-streams` and a gate; all other calls have their own budgets. */
  readonly kind: 'xds' | 'call';
  /** True if a call has exactly one request, which must then be complete in time. */
  readonly oneRequest: boolean;
}

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
  const { connections, methodOf, gate, callGate, limits, clock, refused } = options;
  /** Streams that wait for data or the end from their client, the oldest first. */
  const awaitingClient = new LinkedList<Arrival>();
  /** The other ones: xDS streams that wait for their turn, and all calls that are not xDS streams. */
  const others = new LinkedList<Arrival>();
  let timer: NodeJS.Timeout | undefined;
  let isClosing = false;

  function refuse(arrival: Arrival, reason: RefusedStream): void {
    refused(reason);
    arrival.stream.refuse(...refusedStatus(reason, options));
    if (arrival.stream.isGone) return;
    // A client that gets the status ends the stream. Resetting it at once could overtake the status.
    arrival.renew();
    arrival.isRefused = true;
    awaitingClient.add(arrival);
    startChecking();
  }

  function admit(arrival: Arrival): void {
    awaitingClient.delete(arrival);
    if (arrival.stream.isGone) return;
    const isXds = arrival.method.kind === 'xds';
    if (isXds && options.full()) return refuse(arrival, 'too-many');
    (isXds ? gate : callGate).enter(arrival);
    // From its beginning on, an xDS stream counts its bytes itself.
    if (!(isXds && arrival.isServed) && !arrival.hasLeft && arrival.list === undefined) track(arrival);
  }

  function leave(arrival: Arrival): void {
    arrival.hasLeft = true;
    arrival.list?.delete(arrival);
    arrival.count(0);
    (arrival.method.kind === 'xds' ? gate : callGate).leave(arrival);
    if (arrival.method.kind === 'call') arrival.connection.calls -= 1;
    const isYoung = clock() - arrival.since < limits.requestTimeoutMs;
    if (isYoung && !arrival.stream.hasResponded) arrival.connection.countUseless();
  }

  function track(arrival: Arrival): void {
    others.add(arrival);
    arrival.recount();
    startChecking();
  }

  function served(arrival: Arrival): void {
    const { stream, method } = arrival;
    if (method.kind === 'xds') {
      stream.release();
      others.delete(arrival);
      return arrival.count(0);
    }
    if (stream.isGone) return;
    if (method.oneRequest && !stream.isComplete) {
      awaitingClient.add(arrival);
      startChecking();
      stream.whenComplete(arrival);
    }
    stream.followRequests(arrival);
  }

  /** Sets the deadline of a request when its first bytes have arrived, on a stream of several requests. */
  function expectRest(arrival: Arrival, isIncomplete: boolean): void {
    if (!isIncomplete || arrival.stream.isGone) others.add(arrival);
    else if (!awaitingClient.has(arrival)) {
      arrival.renew();
      awaitingClient.add(arrival);
    }
    startChecking();
  }

  function startChecking(): void {
    timer ??= setInterval(check, checkEveryMs).unref();
  }

  function check(): void {
    for (const arrival of awaitingClient) if (arrival.isServed) arrival.recount();
    for (const arrival of others) arrival.recount();
    const before = clock() - limits.requestTimeoutMs;
    for (const arrival of awaitingClient) {
      if (arrival.since > before) break;
      // After the sockets have been read: data that arrived while the event loop was busy is not late.
      setImmediate(() => awaitingClient.delete(arrival) && expire(arrival));
    }
    if (awaitingClient.size + others.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function expire(arrival: Arrival): void {
    if (arrival.isRefused) return arrival.stream.finish();
    arrival.connection.countUseless();
    if (!arrival.isServed) return refuse(arrival, 'no-request');
    // gRPC has the stream, and learns of its end from the reset.
    refused('no-request');
    arrival.stream.reset();
  }

  class Arrival implements Opening, StreamFollower, ListEntry<Arrival> {
    readonly stream: GuardedStream;
    readonly connection: ClientConnection;
    readonly method: GuardedMethod;
    /** Time from which the client has to send data or end the stream. */
    since = clock();
    isServed = false;
    isRefused = false;
    hasLeft = false;
    #counted = 0;
    list: LinkedList<Arrival> | undefined = undefined;
    previous: Arrival | undefined = undefined;
    next: Arrival | undefined = undefined;

    constructor(stream: GuardedStream, connection: ClientConnection, method: GuardedMethod) {
      this.stream = stream;
      this.connection = connection;
      this.method = method;
    }

    get address(): string {
      return this.connection.address;
    }

    renew(): void {
      this.since = clock();
    }

    /** Counts the requests and responses that are in memory. */
    recount(): void {
      this.count(this.stream.unreadBytes + this.stream.unsentBytes);
    }

    /** Sets the number of bytes that the connection's budget counts for this stream. */
    count(bytes: number): void {
      if (bytes === this.#counted) return;
      this.connection.hold(bytes - this.#counted);
      this.#counted = bytes;
    }

    open(): void {
      this.isServed = true;
      this.stream.serve();
      served(this);
    }

    refuse(): void {
      refuse(this, 'draining');
    }

    // Called by the stream

    gone(): void {
      leave(this);
    }

    readable(): void {
      if (!this.isRefused && awaitingClient.has(this)) admit(this);
    }

    complete(): void {
      if (awaitingClient.has(this)) others.add(this);
    }

    requestData(isIncomplete: boolean): void {
      if (this.hasLeft) return;
      this.recount();
      if (!this.method.oneRequest) expectRest(this, isIncomplete);
    }
  }

  return {
    enter(session, stream) {
      const connection = connections.of(session);
      if (connection.isClosed) return;
      if (stream.isGone) return connection.countUseless();
      const method = methodOf(stream.path);
      const arrival = new Arrival(stream, connection, method ?? unknownMethod);
      if (method?.kind !== 'xds') connection.calls += 1;
      stream.whenGone(arrival);
      if (method === undefined || !isGrpc(stream)) {
        connection.countUseless();
        return refuse(arrival, 'unknown-method');
      }
      if (method.kind === 'call' && connection.calls > limits.connectionCalls) {
        connection.countUseless();
        return refuse(arrival, 'too-many-calls');
      }
      if (isClosing && method.kind === 'xds') return refuse(arrival, 'draining');
      if (stream.isComplete || stream.unreadBytes > 0) return admit(arrival);
      awaitingClient.add(arrival);
      startChecking();
      stream.whenReadable(arrival);
      const oldest = awaitingClient.size > limits.silentStreams ? awaitingClient.first : undefined;
      if (oldest === undefined) return;
      awaitingClient.delete(oldest);
      expire(oldest);
    },
    failed(session, reason) {
      connections.failed(session, reason);
    },
    close() {
      isClosing = true;
      gate.close();
      const silent = [...awaitingClient].filter(
        ({ method, isRefused }) => method.kind === 'xds' && !isRefused,
      );
      for (const arrival of silent) {
        awaitingClient.delete(arrival);
        refuse(arrival, 'draining');
      }
    },
  };
}

function isGrpc({ contentType }: GuardedStream): boolean {
  return contentType?.startsWith('application/grpc') === true;
}
