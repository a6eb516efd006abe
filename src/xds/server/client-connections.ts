import { createTokenBucket } from '../rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../rate/token-bucket.ts';
import type { GuardedSession } from './guarded.ts';
import type { TurnTaker } from './read-turns.ts';

/**
 * Why a connection was closed. `useless-streams`: too many streams that came to nothing. `request-bytes`: too
 * many bytes of requests, or kept of them, in memory. `response-bytes`: too many bytes of responses that the client has
 * not taken. `http2-error`: frames that HTTP/2 forbids, or too many resets.
 */
export const closedConnections = [
  'useless-streams',
  'request-bytes',
  'response-bytes',
  'http2-error',
] as const;

/** One of the reasons in `closedConnections`. */
export type ClosedConnection = (typeof closedConnections)[number];

/** Why a transport closed a connection. */
export type FailedSession = Extract<ClosedConnection, 'response-bytes' | 'http2-error'>;

/** Limits on the resources that a client uses. */
export interface ClientLimits {
  /** Streams of one connection that come to nothing: reset before a response, without a request, or refused. */
  readonly uselessStreams: Rate;
  /**
   * Bytes of one connection: unread and incomplete requests, and what its streams keep of requests and of responses
   * without an answer.
   */
  readonly connectionBytes: number;
  /** Bytes of all connections together. */
  readonly totalBytes: number;
}

/** The default limits: 20 useless streams per second (200 at once), 16 MiB for a connection and 256 MiB for all. */
export const defaultClientLimits: ClientLimits = {
  uselessStreams: { perSecond: 20, burst: 200 },
  connectionBytes: 16 * 1024 * 1024,
  totalBytes: 256 * 1024 * 1024,
};

/** A connection and its budgets. */
export interface ClientConnection extends TurnTaker {
  /** Address of the client without its port; empty for a Unix socket. */
  readonly address: string;
  /** True once the connection exceeded its budget and is about to be closed. */
  readonly isClosed: boolean;
  /** Open calls other than xDS streams. */
  calls: number;
  /**
   * Adds to the bytes that the connection holds; negative to release them. Closes a connection that exceeds its
   * budget.
   */
  hold(bytes: number): void;
  /** Counts an xDS stream that is open from now on. */
  opened(): void;
  /** Counts an xDS stream as closed. */
  closed(): void;
  /**
   * Asks the client to use a new connection if it has no open xDS stream on this one. Open streams would end with their
   * connection, and the client could not open them again.
   */
  retireIfUnused(): void;
  /** Counts a stream that came to nothing. Closes a connection that has too many of them. */
  countUseless(): void;
}

/** The connections of a server that have had a stream. */
export interface ClientConnections {
  /** Returns the connection of a session, always the same object. */
  of(session: GuardedSession): ClientConnection;
  /** Reports that the transport closed the connection because of its client. */
  failed(session: GuardedSession, reason: FailedSession): void;
}

export interface ClientConnectionsOptions {
  readonly limits: ClientLimits;
  readonly clock: () => number;
  readonly closed: (reason: ClosedConnection) => void;
}

/**
 * Keeps the budgets of connections. A connection that exceeds its budget is sent GOAWAY with ENHANCE_YOUR_CALM
 * and closed. If all connections together exceed the budget, the connection that holds most is closed.
 */
export function createClientConnections(options: ClientConnectionsOptions): ClientConnections {
  return new KnownConnections(options);
}

class KnownConnections implements ClientConnections {
  readonly #options: ClientConnectionsOptions;
  readonly #known = new Map<GuardedSession, BudgetedConnection>();
  #total = 0;

  constructor(options: ClientConnectionsOptions) {
    this.#options = options;
  }

  of(session: GuardedSession): ClientConnection {
    let connection = this.#known.get(session);
    if (connection === undefined) {
      connection = new BudgetedConnection(session, this);
      if (!session.isGone) {
        this.#known.set(session, connection);
        session.whenGone(() => this.#known.delete(session));
      }
    }
    return connection;
  }

  failed(session: GuardedSession, reason: FailedSession): void {
    if (this.#known.get(session)?.isClosed !== true) this.#options.closed(reason);
  }

  // Called by connections

  get limits(): ClientLimits {
    return this.#options.limits;
  }

  now(): number {
    return this.#options.clock();
  }

  /** Counts bytes of a connection that is not closed. */
  count(connection: BudgetedConnection, bytes: number): void {
    const { connectionBytes, totalBytes } = this.limits;
    this.#total += bytes;
    if (bytes <= 0) return;
    if (connection.held > connectionBytes) this.close(connection, 'request-bytes');
    else if (this.#total > totalBytes) this.#closeLargest();
  }

  close(connection: BudgetedConnection, reason: ClosedConnection): void {
    const { session } = connection;
    if (session.isGone || connection.isClosed) return;
    connection.isClosed = true;
    // The bytes are about to be released, so no other connection is closed because of them.
    this.#total -= connection.held;
    this.#options.closed(reason);
    // Later, because the caller is reading from this session.
    setImmediate(() => session.closeForExcess());
  }

  #closeLargest(): void {
    let largest: BudgetedConnection | undefined;
    for (const connection of this.#known.values()) {
      if (!connection.isClosed && connection.held > (largest?.held ?? 0)) largest = connection;
    }
    if (largest !== undefined) this.close(largest, 'request-bytes');
  }
}

// Not a class within a function: that would be a different class for each server. V8 discards code that it has compiled
// for one class when it meets another.
class BudgetedConnection implements ClientConnection {
  readonly session: GuardedSession;
  readonly #all: KnownConnections;
  calls = 0;
  held = 0;
  isClosed = false;
  turn: TurnTaker['turn'] = undefined;
  #streams = 0;
  #useless: TokenBucket | undefined;

  constructor(session: GuardedSession, all: KnownConnections) {
    this.session = session;
    this.#all = all;
  }

  get address(): string {
    return this.session.address;
  }

  hold(bytes: number): void {
    this.held += bytes;
    if (!this.isClosed) this.#all.count(this, bytes);
  }

  opened(): void {
    this.#streams += 1;
  }

  closed(): void {
    this.#streams -= 1;
  }

  retireIfUnused(): void {
    if (this.#streams === 0 && !this.isClosed) this.session.retire();
  }

  countUseless(): void {
    this.#useless ??= createTokenBucket(this.#all.limits.uselessStreams);
    if (this.#useless.take(this.#all.now()) > 0) this.#all.close(this, 'useless-streams');
  }
}
