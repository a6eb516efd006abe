import { status } from '@grpc/grpc-js';
import type { XdsRequest } from '../core/request.ts';
import type { Session } from '../core/session.ts';
import type { Observe, SessionEvent } from '../core/session-event.ts';
import type { Change } from '../core/snapshot-store.ts';
import type { ClientConnection, ClientConnections } from './client-connections.ts';
import type { Hub, HubStream } from './hub.ts';
import type { SafeObserver, StreamEnd, StreamInfo } from './observer.ts';
import { originOf } from './origin.ts';
import type { LinkHandler, StreamLink } from './stream-link.ts';

/** What the streams of one method share: the protocol, and its surroundings. */
export interface StreamParts<Request extends XdsRequest> {
  readonly createSession: (observe: Observe, origin: string) => Session<Request>;
  /** Throws on bytes that are no request. Without `wantsNode` the node may be left out. */
  readonly decode: (bytes: Uint8Array, wantsNode: boolean) => Request;
  /** Number of the node's field in the requests. */
  readonly nodeField: number;
  readonly observer: SafeObserver;
  readonly hub: Hub;
  readonly clock: () => number;
  /** How long the transport may take for a response before the stream is cut off, in ms. */
  readonly slowTimeoutMs: number;
  /** How long a client may take for a request that it has begun, in ms. */
  readonly requestTimeoutMs: number;
  readonly connections: ClientConnections;
  readonly info: Pick<StreamInfo, 'transport' | 'protocol'>;
}

/** An end that this server puts to a stream; the client has closed its side of it before if `by` says so. */
type EndedByServer = Omit<StreamEnd, 'by'> & Partial<Pick<StreamEnd, 'by'>>;

/** A stream whose response takes this long is told of as slow, in ms. */
const slowAfterMs = 1_000;

/**
 * Runs the protocol on a gRPC call until either end is done with it. One response at a time is handed to the
 * transport, and the next is made when that one is through: so a slow reader has one response waiting, and
 * what it gets after that is the newest.
 */
export function serveStream<Request extends XdsRequest>(
  link: StreamLink,
  id: number,
  parts: StreamParts<Request>,
): void {
  new ServedStream(link, id, parts).start();
}

// A class: there are thousands of them, and as closures each would have its own copy of every function.
class ServedStream<Request extends XdsRequest> implements HubStream, LinkHandler {
  readonly #link: StreamLink;
  readonly #parts: StreamParts<Request>;
  readonly #client: ClientConnection | undefined;
  readonly #info: { -readonly [Key in keyof StreamInfo]: StreamInfo[Key] };
  readonly #session: Session<Request>;
  /** One function for all writes. */
  readonly #written: (error?: Error | null) => void;
  lastSeen = 0;
  /** Bytes of an unfinished request that are counted. */
  #held = 0;
  /** When that request began. */
  #begunAt: number | undefined;
  #writing = false;
  /** When that began. */
  #wroteAt = 0;
  #slow = false;
  #open = true;

  constructor(link: StreamLink, id: number, parts: StreamParts<Request>) {
    this.#link = link;
    this.#parts = parts;
    this.#client = link.session === undefined ? undefined : parts.connections.of(link.session);
    const { transport, protocol } = parts.info;
    const { address } = link;
    const origin = originOf(link.certificate, address);
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

  pump(): void {
    if (!this.#open || this.#writing) return;
    try {
      const now = this.#parts.clock();
      const response = this.#session.take(now);
      this.#parts.hub.wake(this, this.#session.wakeAt);
      if (response === undefined) return;
      this.#writing = true;
      this.#wroteAt = now;
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
      // After the sockets have been read: what has arrived while the event loop was busy is not late.
      setImmediate(() => this.#isOverdue(now) && this.#unfinished());
    }
    if (!this.#writing) return;
    const waitedMs = now - this.#wroteAt;
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
    this.#begunAt = undefined;
    let request: Request;
    try {
      // The first node decides, so no other is looked at.
      request = this.#parts.decode(bytes, this.#session.peer === undefined);
    } catch {
      this.#reject({ code: 'INVALID_ARGUMENT', message: 'the request cannot be decoded' });
      return;
    }
    try {
      const refusal = this.#session.request(request, this.#parts.clock());
      if (refusal !== undefined) return this.#reject(refusal);
    } catch (error) {
      this.#fail(error);
    }
    this.pump();
  }

  partial(held: number): void {
    if (!this.#open || held === this.#held) return;
    if (held > 0) this.#begunAt ??= this.#parts.clock();
    else this.#begunAt = undefined;
    this.#count(held);
  }

  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void {
    this.#reject({ code, message });
  }

  halfClosed(): void {
    this.#end({ code: 'OK', message: '', by: 'client' });
  }

  aborted(): void {
    const by = this.#link.endedByClient ? 'client' : 'silence';
    const message =
      by === 'client' ? 'the other end is gone' : 'the connection broke, or the other end is silent';
    this.#close({ code: 'CANCELLED', message, by });
  }

  #count(held: number): void {
    this.#client?.hold(held - this.#held);
    this.#held = held;
  }

  #isOverdue(now: number): boolean {
    return this.#begunAt !== undefined && now - this.#begunAt >= this.#parts.requestTimeoutMs;
  }

  #unfinished(): void {
    const message = `a request was not complete after ${this.#parts.requestTimeoutMs / 1000} s`;
    this.#reject({ code: 'DEADLINE_EXCEEDED', message });
  }

  /** Ends the stream for something that its client did. */
  #reject(how: EndedByServer): void {
    this.#client?.useless();
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
    const { observer } = this.#parts;
    // Before the first request is told of, so that observers know whose it is.
    if (this.#info.group === undefined) this.#join();
    switch (event.kind) {
      case 'request':
        return observer.request(this.#info, { typeUrl: event.typeUrl, kind: event.request });
      case 'acked':
        return observer.acked(this.#info, event);
      case 'quoted':
        return observer.quoted(this.#info, event);
      case 'nacked':
        return observer.nacked(this.#info, event);
      case 'dropped':
        return observer.dropped(this.#info, event);
    }
  }

  /** A fault on one stream ends that stream and no other. */
  #fail(error: unknown): void {
    this.#parts.observer.failed(this.#info, error);
    this.#end({ code: 'INTERNAL', message: 'internal error' });
  }

  #caughtUp(): void {
    this.#slow = false;
    if (this.#open) this.#parts.observer.caughtUp(this.#info);
  }

  #cutOff(waitedMs: number): void {
    const message = `a response was not taken for ${Math.round(waitedMs / 1000)} s`;
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
    this.#begunAt = undefined;
    this.#count(0);
    this.#parts.hub.remove(this);
    this.#parts.observer.streamClosed(this.#info, how);
    return true;
  }
}
