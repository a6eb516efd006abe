import { status } from '@grpc/grpc-js';
import type { XdsRequest } from '../core/request.ts';
import type { Session } from '../core/session.ts';
import type { Observe, SessionEvent } from '../core/session-event.ts';
import type { Change } from '../core/snapshot-store.ts';
import type { ClientConnection, ClientConnections } from './client-connections.ts';
import { decodingError } from './entry-limits.ts';
import type { Hub, HubStream } from './hub.ts';
import { reportTo } from './observer.ts';
import type { FullObserver, StreamEnd, StreamInfo } from './observer.ts';
import type { ReadTurns, TurnReader } from './read-turns.ts';
import { originOf } from './stream-link.ts';
import type { LinkHandler, StreamLink } from './stream-link.ts';

/** The parameters that the streams of one method share. */
export interface StreamParts<Request extends XdsRequest> {
  readonly createSession: (observe: Observe, origin: string) => Session<Request>;
  /** Throws on bytes that are not a request. Without `wantsNode`, the node may be omitted. */
  readonly decode: (bytes: Uint8Array, wantsNode: boolean) => Request;
  /** Field number of the node in the requests. */
  readonly nodeField: number;
  readonly observer: FullObserver;
  readonly hub: Hub;
  readonly clock: () => number;
  /** Time after which a stream is ended if the client does not read a response, in ms. */
  readonly slowTimeoutMs: number;
  /** Time in which a client must complete a request that it has begun, in ms. */
  readonly requestTimeoutMs: number;
  readonly connections: ClientConnections;
  readonly turns: ReadTurns;
  readonly info: Pick<StreamInfo, 'transport' | 'protocol'>;
}

/** An end that this server causes. `by` is `client` if the client has closed its side before. */
type EndedByServer = Omit<StreamEnd, 'by'> & Partial<Pick<StreamEnd, 'by'>>;

/** Time after which a client that does not read a response is reported as slow, in ms. */
const slowAfterMs = 1_000;

/**
 * Runs the protocol on a stream until the client or the server ends it. One response at a time is passed to the
 * transport; the next is built when that one is written. So a slow client has one pending response, and gets the
 * newest state after it.
 */
export function serveStream<Request extends XdsRequest>(
  link: StreamLink,
  id: number,
  parts: StreamParts<Request>,
): void {
  new ServedStream(link, id, parts).start();
}

// A class, because there are thousands of streams. With closures, each would have its own copy of every function.
class ServedStream<Request extends XdsRequest> implements HubStream, LinkHandler, TurnReader {
  readonly #link: StreamLink;
  readonly #parts: StreamParts<Request>;
  readonly #client: ClientConnection | undefined;
  readonly #info: { -readonly [Key in keyof StreamInfo]: StreamInfo[Key] };
  readonly #session: Session<Request>;
  /** One function for all writes. */
  readonly #written: (error?: Error | null) => void;
  lastSeen = 0;
  /** Bytes of an incomplete request. */
  #partialBytes = 0;
  /** Bytes that the connection's budget counts: of an incomplete request, and of the session. */
  #countedBytes = 0;
  /** Time at which that request began. */
  #requestStartedAt: number | undefined;
  #writing = false;
  /** Time at which the pending write began. */
  #writeStartedAt = 0;
  #slow = false;
  #open = true;
  #isPaused = false;

  constructor(link: StreamLink, id: number, parts: StreamParts<Request>) {
    this.#link = link;
    this.#parts = parts;
    this.#client = link.session === undefined ? undefined : parts.connections.of(link.session);
    const { transport, protocol } = parts.info;
    const { address } = link;
    const origin = originOf(link);
    this.#info = { id, transport, protocol, address, origin, nodeId: '', userAgent: '', group: undefined };
    this.#session = parts.createSession((event) => this.#observe(event), origin);
    this.#written = (error) => {
      this.#writing = false;
      if (this.#slow) this.#caughtUp();
      if (error === undefined || error === null) this.pump();
    };
  }

  start(): void {
    const { hub, observer } = this.#parts;
    hub.add(this);
    observer.streamOpened(this.#info);
    this.#link.handleWith(this);
    if (this.#client !== undefined && this.#open) this.#parts.turns.join(this.#client, this);
  }

  get group(): string | undefined {
    return this.#info.group;
  }

  get unwanted(): number | undefined {
    return this.#session.peer === undefined ? undefined : this.#parts.nodeField;
  }

  changed(change: Change): void {
    if (!this.#open) return;
    try {
      this.#session.changed(change);
    } catch (error) {
      this.#fail(error);
    }
  }

  pump(now = this.#parts.clock()): void {
    if (!this.#open || this.#writing) return;
    try {
      const response = this.#session.take(now);
      this.#parts.hub.wake(this, this.#session.wakeAt);
      if (response === undefined) return;
      this.#writing = true;
      this.#writeStartedAt = now;
      this.#link.send(response, this.#written);
      this.#parts.observer.response(this.#info, response);
    } catch (error) {
      this.#fail(error);
    }
  }

  sweep(now: number): void {
    if (!this.#open) return;
    if (this.#link.isRetiring) {
      return this.#end({ code: 'OK', message: 'the connection has reached its age' });
    }
    if (this.#isOverdue(now)) {
      // After the sockets have been read: data that arrived while the event loop was busy is not late.
      setImmediate(() => this.#isOverdue(now) && this.#unfinished());
    }
    if (!this.#writing) return;
    const waitedMs = now - this.#writeStartedAt;
    if (waitedMs >= this.#parts.slowTimeoutMs) return this.#cutOff(waitedMs);
    if (this.#slow || waitedMs < slowAfterMs) return;
    this.#slow = true;
    this.#parts.observer.slowed(this.#info);
  }

  drain(): void {
    this.#end({ code: 'UNAVAILABLE', message: 'the server is shutting down' });
  }

  message(bytes: Buffer): void {
    if (!this.#open) return;
    const { clock, turns } = this.#parts;
    const startedAt = clock();
    this.#process(bytes, startedAt);
    if (this.#client !== undefined) turns.spent(this.#client, this, clock() - startedAt);
  }

  pauseReading(): void {
    this.#isPaused = true;
    this.#link.pauseReading();
  }

  resumeReading(): void {
    this.#isPaused = false;
    // The client has the full time again: this server did not read.
    if (this.#requestStartedAt !== undefined) this.#requestStartedAt = this.#parts.clock();
    this.#link.resumeReading();
    this.recount();
  }

  recount(): void {
    if (!this.#open) return;
    this.#count(this.#partialBytes + this.#session.heldBytes + this.#link.waitingRequestBytes);
  }

  #process(bytes: Buffer, now: number): void {
    this.#requestStartedAt = undefined;
    let request: Request;
    try {
      // Only the first node counts, so later ones are not decoded.
      request = this.#parts.decode(bytes, this.#session.peer === undefined);
    } catch (error) {
      return this.#reject(decodingError(error));
    }
    try {
      const error = this.#session.request(request, now);
      if (error !== undefined) return this.#reject(error);
      this.recount();
    } catch (error) {
      this.#fail(error);
    }
    this.pump(now);
  }

  partial(held: number): void {
    if (!this.#open || held === this.#partialBytes) return;
    if (held > 0) this.#requestStartedAt ??= this.#parts.clock();
    else this.#requestStartedAt = undefined;
    this.#partialBytes = held;
    this.recount();
  }

  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void {
    this.#reject({ code, message });
  }

  halfClosed(): void {
    // A client of grpc-js that cancels a stream half-closes it first; the reset follows at once.
    setImmediate(() => this.#end({ code: 'OK', message: '', by: 'client' }));
  }

  aborted(): void {
    const by = this.#link.endedByClient ? 'client' : 'silence';
    const message =
      by === 'client'
        ? 'the client closed the stream or its connection'
        : 'the connection broke, or the client stopped responding';
    this.#close({ code: 'CANCELLED', message, by });
  }

  #count(held: number): void {
    if (held === this.#countedBytes) return;
    this.#client?.hold(held - this.#countedBytes);
    this.#countedBytes = held;
  }

  #isOverdue(now: number): boolean {
    if (this.#requestStartedAt === undefined || this.#isPaused) return false;
    return now - this.#requestStartedAt >= this.#parts.requestTimeoutMs;
  }

  #unfinished(): void {
    const message = `a request was not complete after ${this.#parts.requestTimeoutMs / 1000} s`;
    this.#reject({ code: 'DEADLINE_EXCEEDED', message });
  }

  /** Ends the stream because of an error of its client. */
  #reject(how: EndedByServer): void {
    this.#client?.countUseless();
    this.#end(how);
  }

  #join(): void {
    const { peer } = this.#session;
    this.#info.nodeId = peer?.nodeId ?? '';
    this.#info.userAgent = peer?.userAgent ?? '';
    this.#info.group = peer?.group;
    this.#parts.hub.joined(this);
  }

  #observe(event: SessionEvent): void {
    // Before the first event, so that observers know the node of the stream.
    if (this.#info.group === undefined) this.#join();
    reportTo(this.#parts.observer, this.#info, event);
  }

  /** Ends the stream after an internal error. Other streams are not affected. */
  #fail(error: unknown): void {
    this.#parts.observer.failed(this.#info, error);
    this.#end({ code: 'INTERNAL', message: 'internal error' });
  }

  #caughtUp(): void {
    this.#slow = false;
    if (this.#open) this.#parts.observer.caughtUp(this.#info);
  }

  #cutOff(waitedMs: number): void {
    const message = `the client did not read a response for ${Math.round(waitedMs / 1000)} s`;
    this.#parts.observer.cutOff(this.#info, waitedMs);
    if (this.#close({ code: 'RESOURCE_EXHAUSTED', message, by: 'server' }))
      this.#link.abandon({ code: status.RESOURCE_EXHAUSTED, message });
  }

  #end({ by = 'server', ...rest }: EndedByServer): void {
    const how = { ...rest, by };
    if (this.#close(how)) this.#link.end({ code: status[how.code], message: how.message });
  }

  #close(how: StreamEnd): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#requestStartedAt = undefined;
    this.#count(0);
    if (this.#client !== undefined) this.#parts.turns.leave(this.#client, this);
    this.#parts.hub.remove(this);
    this.#parts.observer.streamClosed(this.#info, how);
    return true;
  }
}
