import type { Outgoing } from '../core/type-state.ts';
import type { Protocol } from '../core/request.ts';
import type { Acked, Dropped, Nacked, Quoted, RequestKind } from '../core/session-event.ts';
import type { ClosedConnection } from './client-connections.ts';
import type { FannedOut } from './hub.ts';
import type { Transport } from './services.ts';

/** A stream, as observers see it. The object is the same for the life of the stream. */
export interface StreamInfo {
  /** Counts up from 1 in a server. */
  readonly id: number;
  readonly transport: Transport;
  readonly protocol: Protocol;
  /** Address of the other end, or `unknown`. */
  readonly address: string;
  /**
   * What the server itself knows of the client: the names in its client certificate if TLS verified one, else
   * its address without the port. A node id is a claim, and this is not.
   */
  readonly origin: string;
  /** Empty until the first request, and when that names no node. */
  readonly nodeId: string;
  /** Undefined until the first request. */
  readonly group: string | undefined;
  /** Such as `envoy 1.40.0`. */
  readonly userAgent: string;
}

/** How a stream ended. `CANCELLED` is not the server's doing; the other codes are, with their reason. */
export interface StreamEnd {
  /**
   * Who ended the stream. `client`: the client closed the stream or its connection, or its process ended.
   * `silence`: the connection broke, or the client answered no keepalive; the client may still run. `server`: this
   * server did.
   */
  readonly by: 'client' | 'silence' | 'server';
  readonly code:
    | 'OK'
    | 'CANCELLED'
    | 'INVALID_ARGUMENT'
    | 'DEADLINE_EXCEEDED'
    | 'RESOURCE_EXHAUSTED'
    | 'UNAVAILABLE'
    | 'INTERNAL';
  readonly message: string;
}

/** A request that was read. */
export interface ObservedRequest {
  readonly typeUrl: string;
  readonly kind: RequestKind;
}

/** A unary request that was answered. */
export interface ObservedFetch {
  readonly transport: Transport;
  readonly address: string;
  readonly outcome: 'response' | 'refused' | 'not-ready';
}

/**
 * Why a stream was not served: the server is shutting down; it has as many xDS streams as it may have, or the
 * connection as many other calls; it has no such method; the client did not send a complete request in time.
 */
export const refusedStreams = [
  'draining',
  'too-many',
  'too-many-calls',
  'unknown-method',
  'no-request',
] as const;

export type RefusedStream = (typeof refusedStreams)[number];

/**
 * What happens on streams, for logs, metrics and status. All of it is optional, called synchronously, and
 * must be quick; what it throws is swallowed, and reported as a process warning the first time.
 */
export interface XdsObserver {
  /** So many streams wait to be opened now. */
  streamsWaiting?(waiting: number): void;
  streamRefused?(reason: RefusedStream): void;
  /** A connection was over budget and is closed. */
  connectionClosed?(reason: ClosedConnection): void;
  streamOpened?(stream: StreamInfo): void;
  streamClosed?(stream: StreamInfo, end: StreamEnd): void;
  request?(stream: StreamInfo, request: ObservedRequest): void;
  /** A response was handed to the transport. Its bytes are shared: never write to them. */
  response?(stream: StreamInfo, response: Outgoing): void;
  acked?(stream: StreamInfo, ack: Acked): void;
  quoted?(stream: StreamInfo, quote: Quoted): void;
  nacked?(stream: StreamInfo, nack: Nacked): void;
  /** The client no longer asks for a resource that it was, or was to be, sent. */
  dropped?(stream: StreamInfo, dropped: Dropped): void;
  /** The client has not taken a response for a second. What follows is `caughtUp`, or the end of the stream. */
  slowed?(stream: StreamInfo): void;
  caughtUp?(stream: StreamInfo): void;
  /** The client has taken nothing for so long, in ms, that its stream is ended now. */
  cutOff?(stream: StreamInfo, waitedMs: number): void;
  fetched?(fetch: ObservedFetch): void;
  /** All streams were told of all changes, and sent those that they can take now. */
  fannedOut?(fannedOut: FannedOut): void;
  /** A fault on our side, by which a stream was ended with INTERNAL. */
  failed?(stream: StreamInfo, error: unknown): void;
}

/** The same observer, of which every method exists and none throws. */
export type SafeObserver = Required<XdsObserver>;

/** Keeps what an observer throws away from the streams. */
export function createSafeObserver(observer: XdsObserver): SafeObserver {
  let warned = false;
  function warn(error: unknown): void {
    if (warned) return;
    warned = true;
    process.emitWarning(`an xDS observer threw; more of this is not reported: ${String(error)}`);
  }
  // No function for each call, which would be the shorter way: there are four calls for each push.
  return {
    streamsWaiting(waiting) {
      try {
        observer.streamsWaiting?.(waiting);
      } catch (error) {
        warn(error);
      }
    },
    streamRefused(reason) {
      try {
        observer.streamRefused?.(reason);
      } catch (error) {
        warn(error);
      }
    },
    connectionClosed(reason) {
      try {
        observer.connectionClosed?.(reason);
      } catch (error) {
        warn(error);
      }
    },
    streamOpened(stream) {
      try {
        observer.streamOpened?.(stream);
      } catch (error) {
        warn(error);
      }
    },
    streamClosed(stream, end) {
      try {
        observer.streamClosed?.(stream, end);
      } catch (error) {
        warn(error);
      }
    },
    request(stream, request) {
      try {
        observer.request?.(stream, request);
      } catch (error) {
        warn(error);
      }
    },
    response(stream, response) {
      try {
        observer.response?.(stream, response);
      } catch (error) {
        warn(error);
      }
    },
    acked(stream, ack) {
      try {
        observer.acked?.(stream, ack);
      } catch (error) {
        warn(error);
      }
    },
    quoted(stream, quote) {
      try {
        observer.quoted?.(stream, quote);
      } catch (error) {
        warn(error);
      }
    },
    nacked(stream, nack) {
      try {
        observer.nacked?.(stream, nack);
      } catch (error) {
        warn(error);
      }
    },
    dropped(stream, dropped) {
      try {
        observer.dropped?.(stream, dropped);
      } catch (error) {
        warn(error);
      }
    },
    slowed(stream) {
      try {
        observer.slowed?.(stream);
      } catch (error) {
        warn(error);
      }
    },
    caughtUp(stream) {
      try {
        observer.caughtUp?.(stream);
      } catch (error) {
        warn(error);
      }
    },
    cutOff(stream, waitedMs) {
      try {
        observer.cutOff?.(stream, waitedMs);
      } catch (error) {
        warn(error);
      }
    },
    fetched(fetch) {
      try {
        observer.fetched?.(fetch);
      } catch (error) {
        warn(error);
      }
    },
    fannedOut(fannedOut) {
      try {
        observer.fannedOut?.(fannedOut);
      } catch (error) {
        warn(error);
      }
    },
    failed(stream, fault) {
      try {
        observer.failed?.(stream, fault);
      } catch (error) {
        warn(error);
      }
    },
  };
}
