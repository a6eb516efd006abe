import type { Outgoing } from '../core/type-state.ts';
import type { Protocol } from '../core/request.ts';
import type { Acked, Dropped, Nacked, Quoted, RequestKind, SessionEvent } from '../core/session-event.ts';
import type { Refused } from './authorize.ts';
import type { ClosedConnection } from './client-connections.ts';
import type { FannedOut } from './hub.ts';
import type { Transport } from './services.ts';

/** A stream, as observers see it. The object is the same for the lifetime of the stream. */
export interface StreamInfo {
  /** Unique in a server; increases from 1. */
  readonly id: number;
  readonly transport: Transport;
  readonly protocol: Protocol;
  /** Address of the client, or `unknown`. */
  readonly address: string;
  /**
   * The identity of the client as the server sees it: the names in its verified client certificate, or else its address
   * without the port. A node id, in contrast, is only a claim.
   */
  readonly origin: string;
  /** Empty until the first request, and if that has no node. */
  readonly nodeId: string;
  /** `undefined` until the first request. */
  readonly group: string | undefined;
  /** Such as `envoy 1.40.0`. */
  readonly userAgent: string;
  /** The authenticated identity, which `authorize` returned; `undefined` until then, and if it returned none. */
  readonly identity: string | undefined;
}

/** A client that `authorize` refused. Its node id is only a claim. */
export interface Denied extends Pick<Refused, 'code' | 'reason' | 'message' | 'group' | 'identity'> {
  readonly transport: Transport;
  readonly address: string;
  readonly nodeId: string;
  /**
   * True for the client of an open stream that reached `maxStreamAgeMs`. A certificate or token that has expired since
   * is usual: the client has a newer one for its next stream.
   */
  readonly isJudgedAgain: boolean;
}

/** How a stream ended. With `CANCELLED` the server did not end the stream; with the other codes it did. */
export interface StreamEnd {
  /**
   * Who ended the stream. `client`: the client closed the stream or its connection, or its process ended.
   * `silence`: the connection broke, or the client answered no keepalive; the client may still run. `server`:
   * this server ended it.
   */
  readonly by: 'client' | 'silence' | 'server';
  readonly code:
    | 'OK'
    | 'CANCELLED'
    | 'INVALID_ARGUMENT'
    | 'DEADLINE_EXCEEDED'
    | 'UNAUTHENTICATED'
    | 'PERMISSION_DENIED'
    | 'RESOURCE_EXHAUSTED'
    | 'UNAVAILABLE'
    | 'INTERNAL';
  readonly message: string;
}

/** A decoded request. */
export interface ObservedRequest {
  /** The type of the resources, also if the request leaves it to the service. */
  readonly typeUrl: string;
  readonly kind: RequestKind;
  /** False if the client is subscribed to no resource of the type after the request. */
  readonly isSubscribed: boolean;
}

/** A unary request that got a reply. */
export interface ObservedFetch {
  readonly transport: Transport;
  readonly address: string;
  readonly outcome: 'response' | 'refused' | 'not-ready' | 'denied';
}

/**
 * Why a stream was refused. `draining`: the server is shutting down. `too-many`: the server has its maximum of
 * xDS streams. `too-many-calls`: the connection has its maximum of other calls. `unknown-method`: the server has
 * no such method. `no-request`: the client did not send a complete request in time.
 */
export const refusedStreams = [
  'draining',
  'too-many',
  'too-many-calls',
  'unknown-method',
  'no-request',
] as const;

/** One of the reasons in `refusedStreams`. */
export type RefusedStream = (typeof refusedStreams)[number];

/**
 * Receives the events of streams, for logs, metrics and status. All methods are optional. They are called
 * synchronously and must be fast. Errors that they throw are caught; the first one is reported as a process
 * warning.
 */
export interface XdsObserver {
  /** The number of streams that wait to be opened has changed. */
  streamsWaiting?(waiting: number): void;
  /** A stream or call was refused. */
  streamRefused?(reason: RefusedStream): void;
  /** A connection was closed because it exceeded its budget. */
  connectionClosed?(reason: ClosedConnection): void;
  /** A stream began. Its node is not known yet. */
  streamOpened?(stream: StreamInfo): void;
  /** A stream ended. */
  streamClosed?(stream: StreamInfo, end: StreamEnd): void;
  /** `authorize` refused a stream or a unary request. */
  denied?(denied: Denied): void;
  /**
   * A request was processed: applied, or ignored because it answers an older response. Called after the ACKs, the NACK
   * and the ended subscriptions that the request contains. Not called for a request that the server refuses: the stream
   * ends.
   */
  request?(stream: StreamInfo, request: ObservedRequest): void;
  /** A response was passed to the transport. Its bytes are shared: never write to them. */
  response?(stream: StreamInfo, response: Outgoing): void;
  /** The client accepted a response. Called once for each resource of the response, also for removed ones. */
  acked?(stream: StreamInfo, ack: Acked): void;
  /**
   * The client has the current version of a resource from an earlier stream, so the resource is not sent. Called once
   * for each resource, when its response would have been due.
   */
  quoted?(stream: StreamInfo, quote: Quoted): void;
  /** The client rejected a response. Called once for each response. */
  nacked?(stream: StreamInfo, nack: Nacked): void;
  /** The client unsubscribed from a resource. */
  dropped?(stream: StreamInfo, dropped: Dropped): void;
  /** The client has not read a response for a second. `caughtUp` follows, or the end of the stream. */
  slowed?(stream: StreamInfo): void;
  /** The client has read the response for which `slowed` was called. */
  caughtUp?(stream: StreamInfo): void;
  /** The stream is ended because the client has not read a response for `waitedMs` milliseconds. */
  cutOff?(stream: StreamInfo, waitedMs: number): void;
  /** A unary request was answered. Called after `denied` if `authorize` refused the client. */
  fetched?(fetch: ObservedFetch): void;
  /** All streams were notified of all changes, and sent the responses that they can send now. */
  fannedOut?(fannedOut: FannedOut): void;
  /** An internal error ended the stream with INTERNAL. */
  failed?(stream: StreamInfo, error: unknown): void;
}

/** An observer with all methods. */
export type FullObserver = Required<XdsObserver>;

/** Every event, once. The compiler requires that the table is complete, and each observer below is made from it. */
const events: Readonly<Record<keyof XdsObserver, true>> = {
  streamsWaiting: true,
  streamRefused: true,
  connectionClosed: true,
  streamOpened: true,
  streamClosed: true,
  denied: true,
  request: true,
  response: true,
  acked: true,
  quoted: true,
  nacked: true,
  dropped: true,
  slowed: true,
  caughtUp: true,
  cutOff: true,
  fetched: true,
  fannedOut: true,
  failed: true,
};

/** Receives one event. No event has more than two values; a rest parameter would create a list for each event. */
type Receiver = (first: unknown, second: unknown) => void;

/** Makes an observer with one function for each event, once: a call of it looks nothing up. */
function observerOf(receiverOf: (event: keyof XdsObserver) => Receiver): FullObserver {
  const names = Object.keys(events) as (keyof XdsObserver)[];
  return Object.fromEntries(names.map((name) => [name, receiverOf(name)])) as unknown as FullObserver;
}

/** Returns the method of an observer for an event, if it has one. */
function methodOf(observer: XdsObserver, event: keyof XdsObserver): Receiver | undefined {
  return observer[event]?.bind(observer) as Receiver | undefined;
}

const ignore: Receiver = () => undefined;

/**
 * Returns an observer that passes each event to all given observers, in order. Methods that an observer gets later
 * are not called.
 * @example
 * addXdsServices(server, store, { observer: combineObservers([metrics, log]) });
 */
export function combineObservers(observers: readonly XdsObserver[]): FullObserver {
  return observerOf((name) => {
    const methods = observers
      .map((observer) => methodOf(observer, name))
      .filter((method) => method !== undefined);
    const [only] = methods;
    if (only === undefined) return ignore;
    if (methods.length === 1) return only;
    return (first, second) => {
      for (const method of methods) method(first, second);
    };
  });
}

/** Wraps an observer so that its errors do not reach the streams. */
export function createSafeObserver(observer: XdsObserver): FullObserver {
  let warned = false;
  function warn(error: unknown): void {
    if (warned) return;
    warned = true;
    process.emitWarning(`an xDS observer threw an error (later errors are not reported): ${String(error)}`);
  }
  return observerOf((name) => {
    const method = methodOf(observer, name);
    if (method === undefined) return ignore;
    return (first, second) => {
      try {
        method(first, second);
      } catch (error) {
        warn(error);
      }
    };
  });
}

/** Reports an event of a stream's session. */
export function reportTo(observer: FullObserver, stream: StreamInfo, event: SessionEvent): void {
  switch (event.kind) {
    case 'request': {
      const { typeUrl, request: kind, isSubscribed } = event;
      return observer.request(stream, { typeUrl, kind, isSubscribed });
    }
    case 'acked':
      return observer.acked(stream, event);
    case 'quoted':
      return observer.quoted(stream, event);
    case 'nacked':
      return observer.nacked(stream, event);
    case 'dropped':
      return observer.dropped(stream, event);
  }
}
