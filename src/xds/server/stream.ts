// Past 300 lines: an object for a part would cost memory for each stream, and a function would need most fields.

import { status } from '@grpc/grpc-js';
import type { XdsRequest } from '../core/request.ts';
import type { Grant, Session } from '../core/session.ts';
import type { SessionEvent, SessionListener } from '../core/session-event.ts';
import type { Change } from '../core/snapshot-store.ts';
import type { Outcome, Refused } from './authorize.ts';
import type { ClientConnection } from './client-connections.ts';
import { decodingError } from './entry-limits.ts';
import { endSoon } from './end-soon.ts';
import type { HeldRequests, AccessOwner } from './stream-access.ts';
import { HubLinks } from './hub.ts';
import type { HubStream } from './hub.ts';
import { reportTo } from './observer.ts';
import type { StreamEnd } from './observer.ts';
import { LinkPeer } from './peer-certificate.ts';
import type { TurnReader } from './read-turns.ts';
import { ClientPace } from './client-pace.ts';
import type { LinkHandler, SendListener, StreamLink } from './stream-link.ts';
import { StreamAccess } from './stream-access.ts';
import { abortedEnd, addNode, deniedOf, endedByClient, StreamDetails } from './stream-info.ts';
import type { EndedByServer } from './stream-info.ts';
import type { StreamParts } from './stream-parts.ts';

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
class ServedStream<Request extends XdsRequest>
  extends HubLinks
  implements AccessOwner<Request>, HubStream, LinkHandler, SendListener, SessionListener, TurnReader
{
  readonly #link: StreamLink;
  readonly #parts: StreamParts<Request>;
  readonly #client: ClientConnection | undefined;
  readonly #info: StreamDetails;
  readonly #session: Session<Request>;
  /** `undefined`: every client may subscribe. */
  readonly #access: StreamAccess<Request> | undefined;
  /** Bytes of an incomplete request. */
  #partialBytes = 0;
  /** Bytes that the connection's budget counts: of an incomplete request, and of the session. */
  #countedBytes = 0;
  readonly #pace = new ClientPace();
  #open = true;

  constructor(link: StreamLink, id: number, parts: StreamParts<Request>) {
    super();
    this.#link = link;
    this.#parts = parts;
    this.#client = link.session === undefined ? undefined : parts.connections.of(link.session);
    const peer = new LinkPeer(link);
    this.#access = parts.access && new StreamAccess(parts.access, peer, this);
    this.#info = new StreamDetails(id, peer, parts.info);
    this.#session = parts.createSession(this, this.#info.origin, peer);
  }

  start(): void {
    this.#client?.opened();
    this.#parts.hub.add(this);
    this.#parts.observer.streamOpened(this.#info);
    this.#link.handleWith(this);
    if (this.#client !== undefined && this.#open) this.#parts.turns.join(this.#client, this);
  }

  get group(): string | undefined {
    return this.#info.group;
  }

  get unwanted(): number | undefined {
    // Only the node of the first request counts. If there is a decision about it, later ones are compared with it.
    return this.#session.peer === undefined || this.#access !== undefined ? undefined : this.#parts.nodeField;
  }

  changed(change: Change): void {
    if (!this.#open) return;
    try {
      this.#session.changed(change);
    } catch (error) {
      this.#fail(error);
    }
  }

  pump(now = this.#now()): void {
    if (!this.#open || this.#pace.isWriting) return;
    try {
      const response = this.#session.take(now);
      this.#parts.hub.wake(this, this.#session.wakeAt);
      if (response === undefined) return;
      this.#pace.writeBegan(now);
      this.#link.send(response, this);
      this.#parts.observer.response(this.#info, response);
    } catch (error) {
      this.#fail(error);
    }
  }

  sweep(now: number): void {
    if (!this.#open) return;
    if (this.#link.isRetiring)
      return this.#end({ code: 'OK', message: 'the connection has reached its age' });
    const { slowTimeoutMs, requestTimeoutMs, observer } = this.#parts;
    if (now - (this.#access?.held?.since ?? now) >= requestTimeoutMs)
      return this.outdated('no decision about the client in time');
    if (this.#pace.isOverdue(now, requestTimeoutMs)) {
      // After the sockets have been read: data that arrived while the event loop was busy is not late.
      setImmediate(() => this.#pace.isOverdue(now, requestTimeoutMs) && this.#unfinished());
    }
    const waitedMs = this.#pace.writeWaitedMs(now);
    if (this.#pace.isWriting && waitedMs >= slowTimeoutMs) return this.#cutOff(waitedMs);
    if (this.#pace.becomesSlow(now)) observer.slowed(this.#info);
    this.#access?.judgeAgain(now);
  }

  sent(error?: Error | null): void {
    if (this.#pace.writeEnded() && this.#open) this.#parts.observer.caughtUp(this.#info);
    if (error === undefined || error === null) this.pump();
  }

  drain(): void {
    this.outdated('the server is shutting down');
  }

  outdated(message: string): void {
    this.#end({ code: 'UNAVAILABLE', message });
  }

  message(bytes: Buffer): void {
    if (!this.#open) return;
    this.#pace.requestEnded();
    if (this.#access?.held?.add(bytes) !== undefined) return this.recount();
    const { clock, turns } = this.#parts;
    const startedAt = clock();
    this.#process(bytes, Math.ceil(startedAt));
    if (this.#client !== undefined) turns.spent(this.#client, this, clock() - startedAt);
  }

  pauseReading(): void {
    this.#pace.isPaused = true;
    this.#link.pauseReading();
  }

  resumeReading(): void {
    this.#pace.isPaused = false;
    if (this.#access?.held === undefined) this.#continueReading();
    this.recount();
  }

  #continueReading(): void {
    this.#pace.restartRequest(this.#now());
    this.#link.resumeReading();
  }

  recount(): void {
    if (!this.#open) return;
    const unread = this.#partialBytes + this.#link.waitingRequestBytes + (this.#access?.held?.bytes ?? 0);
    this.#count(unread + this.#session.heldBytes);
  }

  #process(bytes: Buffer, now: number): void {
    const { peer } = this.#session;
    if (peer !== undefined && this.#access?.deniesNode(bytes, peer.nodeId) === true) return;
    let request: Request;
    try {
      // Only the first node counts, so later ones are not decoded.
      request = this.#parts.decode(bytes, peer === undefined);
    } catch (error) {
      return this.#reject(decodingError(error));
    }
    if (this.#access === undefined || peer !== undefined) return this.#apply(request, now);
    this.#access.begin(request, now);
    if (this.#access.held === undefined) return;
    this.#link.pauseReading();
    this.recount();
  }

  #apply(request: Request, now: number, grant?: Grant): void {
    try {
      const error = this.#session.request(request, now, grant);
      if (error !== undefined) return this.#reject(error);
      this.recount();
    } catch (error) {
      this.#fail(error);
    }
    this.pump(now);
  }

  decided(held: HeldRequests<Request>, outcome: Outcome): void {
    if (outcome.kind === 'failed') return this.#fail(outcome.error);
    if (outcome.kind === 'refused') return this.deny(held.node.id, outcome);
    this.#info.identity = outcome.identity;
    this.#info.origin = outcome.identity ?? this.#info.origin;
    this.#apply(held.first, this.#now(), outcome);
    for (const bytes of held.others) this.message(bytes);
    if (held.isHalfClosed) this.#end(endedByClient);
    else if (!this.#pace.isPaused) this.#continueReading();
  }

  deny(nodeId: string, refused: Refused, isJudgedAgain = false): void {
    const { code, message } = refused;
    this.#parts.observer.denied(deniedOf(this.#info, nodeId, refused, isJudgedAgain));
    if (code === 'UNAVAILABLE' || isJudgedAgain) this.#end({ code, message });
    else this.#reject({ code, message });
    if (refused.retiresConnection === true) this.#client?.retireIfUnused();
  }

  partial(held: number): void {
    if (!this.#open || held === this.#partialBytes) return;
    if (held > 0) this.#pace.requestBegan(this.#now());
    else this.#pace.requestEnded();
    this.#partialBytes = held;
    this.recount();
  }

  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', message: string): void {
    this.#reject({ code, message });
  }

  halfClosed(): void {
    // A client of grpc-js that cancels a stream half-closes it first; the reset follows at once. The status then leaves
    // in one write with the response to the request before it.
    if (this.#link.afterRead?.(() => this.endHalfClosed()) !== true) endSoon(this);
  }

  endHalfClosed(): void {
    if (this.#access?.held === undefined) this.#end(endedByClient);
    else this.#access.held.isHalfClosed = true;
  }

  aborted(): void {
    this.#close(abortedEnd(this.#link.endedByClient));
  }

  /**
   * In whole ms, rounded up: each stream keeps several points in time, and V8 keeps a fraction, or a number from 2^31
   * on (after 24 days), in an object of its own.
   */
  #now(): number {
    return Math.ceil(this.#parts.clock());
  }

  #count(held: number): void {
    if (held === this.#countedBytes) return;
    this.#client?.hold(held - this.#countedBytes);
    this.#countedBytes = held;
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

  observe(event: SessionEvent): void {
    // Before the first event, so that observers know the node of the stream.
    if (this.#info.group === undefined) {
      addNode(this.#info, this.#session.peer);
      this.#parts.hub.joined(this);
    }
    reportTo(this.#parts.observer, this.#info, event);
  }

  /** Ends the stream after an internal error. Other streams are not affected. */
  #fail(error: unknown): void {
    this.#parts.observer.failed(this.#info, error);
    this.#end({ code: 'INTERNAL', message: 'internal error' });
  }

  #cutOff(waitedMs: number): void {
    const message = `the client did not read a response for ${Math.round(waitedMs / 1000)} s`;
    this.#parts.observer.cutOff(this.#info, waitedMs);
    if (this.#close({ code: 'RESOURCE_EXHAUSTED', message, by: 'server' }))
      this.#link.abandon({ code: status.RESOURCE_EXHAUSTED, message });
  }

  #end({ code, message, by = 'server' }: EndedByServer): void {
    if (this.#close({ code, message, by })) this.#link.end({ code: status[code], message });
  }

  #close(how: StreamEnd): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#access?.end();
    this.#pace.requestEnded();
    this.#count(0);
    this.#client?.closed();
    if (this.#client !== undefined) this.#parts.turns.leave(this.#client, this);
    this.#parts.hub.remove(this);
    this.#parts.observer.streamClosed(this.#info, how);
    return true;
  }
}
