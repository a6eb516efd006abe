/** A resource in a response. */
export interface NameAndVersion {
  readonly name: string;
  /** `undefined` if the response reports the resource as removed. */
  readonly version: string | undefined;
}

/**
 * The kind of a request. `initial`: the first request of its type on the stream. `ack`, `nack`: accepts or
 * rejects a response, and may also change the subscription. `stale`: its nonce is unknown, or has an ACK or NACK
 * already, or (SotW) a later nonce has one, or the request only repeats an error. `subscribe`: any other request.
 */
export type RequestKind = 'initial' | 'ack' | 'nack' | 'stale' | 'subscribe';

/** An event of a stream, for logs, metrics and status. */
export type SessionEvent =
  | ({ readonly kind: 'request' } & AppliedRequest)
  | ({ readonly kind: 'acked' } & Acked)
  | ({ readonly kind: 'quoted' } & Quoted)
  | ({ readonly kind: 'nacked' } & Nacked)
  | ({ readonly kind: 'dropped' } & Dropped);

/** A request that was applied, or ignored because it is stale. */
interface AppliedRequest {
  readonly typeUrl: string;
  readonly request: RequestKind;
  /** False if the client is subscribed to no resource of the type after the request. */
  readonly isSubscribed: boolean;
}

/** A proxy acknowledged a resource. */
export interface Acked extends NameAndVersion {
  readonly typeUrl: string;
  readonly nonce: string;
  /**
   * True if the client rejected this version before: Envoy then sends an ACK although the version is not in
   * force.
   */
  readonly unconfirmed: boolean;
}

/**
 * A proxy quoted the current version of a resource on a new stream. The resource was therefore not sent. In SotW
 * this happens only for the wildcard of types with full state.
 */
export interface Quoted {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** True if the client rejected this version before, so the quote proves nothing. */
  readonly unconfirmed: boolean;
}

/** A proxy unsubscribed from a resource. */
export interface Dropped {
  readonly typeUrl: string;
  readonly name: string;
}

/** A proxy rejected a response. */
export interface Nacked {
  readonly typeUrl: string;
  readonly nonce: string;
  /**
   * The resources of the response: usually one, for types with one resource per response. Also those of earlier SotW
   * responses that the client answered together with it: the error may be about any of them.
   */
  readonly resources: readonly NameAndVersion[];
  /** The gRPC status code that the proxy sent. */
  readonly code: number;
  readonly message: string;
}

/** Receives the events of a session. */
// Not a function: each stream would have one more object.
export interface SessionListener {
  /** Called during a state change: it must not throw, and must not call the session. */
  observe(event: SessionEvent): void;
}
