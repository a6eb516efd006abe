import type { LinkedList, ListEntry } from '../small/linked-list.ts';
import type { ClientConnection } from './client-connections.ts';
import type { Opening } from './gate.ts';
import type { GuardedStream, StreamFollower } from './guarded.ts';
import type { RefusedStream } from './observer.ts';

/** A method of the server, with what its budgets need. */
export interface GuardedMethod {
  /** xDS streams have `--max-streams` and a gate; all other calls have their own budgets. */
  readonly kind: 'xds' | 'call';
  /** True if a call has exactly one request, which must then be complete in time. */
  readonly oneRequest: boolean;
}

/** The guard of an arrival. */
export interface ArrivalOwner {
  /** Returns the time in ms. */
  now(): number;
  /** Ends the stream with a status. */
  refuse(arrival: Arrival, reason: RefusedStream): void;
  /** The first bytes of the stream have arrived. */
  readable(arrival: Arrival): void;
  /** The stream was passed to its method. */
  served(arrival: Arrival): void;
  /** The client has sent END_STREAM on a call whose request was incomplete. */
  completed(arrival: Arrival): void;
  /**
   * Data has arrived on a stream of several requests. Sets the deadline of the last request if it is incomplete, and
   * removes it otherwise.
   */
  expectRest(arrival: Arrival, isIncomplete: boolean): void;
  /** The stream is over. */
  leave(arrival: Arrival): void;
}

/** A stream that has arrived at the guard. */
// Not a class within a function: that would be a different class for each server. V8 discards code that it has compiled
// for one class when it meets another.
export class Arrival implements Opening, StreamFollower, ListEntry<Arrival> {
  readonly #guard: ArrivalOwner;
  readonly stream: GuardedStream;
  readonly connection: ClientConnection;
  readonly method: GuardedMethod;
  /** Time from which the client has to send data or end the stream. */
  since: number;
  isServed = false;
  isRefused = false;
  hasLeft = false;
  #counted = 0;
  list: LinkedList<Arrival> | undefined = undefined;
  previous: Arrival | undefined = undefined;
  next: Arrival | undefined = undefined;

  constructor(
    guard: ArrivalOwner,
    stream: GuardedStream,
    connection: ClientConnection,
    method: GuardedMethod,
  ) {
    this.#guard = guard;
    this.stream = stream;
    this.connection = connection;
    this.method = method;
    this.since = guard.now();
  }

  get address(): string {
    return this.connection.address;
  }

  renew(): void {
    this.since = this.#guard.now();
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
    this.#guard.served(this);
  }

  refuse(): void {
    this.#guard.refuse(this, 'draining');
  }

  // Called by the stream

  gone(): void {
    this.#guard.leave(this);
  }

  readable(): void {
    this.#guard.readable(this);
  }

  complete(): void {
    this.#guard.completed(this);
  }

  requestData(isIncomplete: boolean): void {
    if (this.hasLeft) return;
    this.recount();
    if (!this.method.oneRequest) this.#guard.expectRest(this, isIncomplete);
  }
}
