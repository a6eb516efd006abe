/** A resource by name; without a version where it was told as removed. */
export interface NameAndVersion {
  readonly name: string;
  readonly version: string | undefined;
}

/**
 * What a request is: `initial`: the first of its type on the stream; `ack`, `nack`: the answer to a response
 * (it may also change the subscription); `stale`: an answer to a response that was never sent, or that is
 * answered already; `subscribe`: none of these.
 */
export type RequestKind = 'initial' | 'ack' | 'nack' | 'stale' | 'subscribe';

/** What happens on a stream, for logs, metrics and status. */
export type SessionEvent =
  | { readonly kind: 'request'; readonly typeUrl: string; readonly request: RequestKind }
  | ({ readonly kind: 'acked' } & Acked)
  | ({ readonly kind: 'quoted' } & Quoted)
  | ({ readonly kind: 'nacked' } & Nacked)
  | ({ readonly kind: 'dropped' } & Dropped);

/** A proxy acknowledged a resource. */
export interface Acked extends NameAndVersion {
  readonly typeUrl: string;
  readonly nonce: string;
  /** The node refused these bytes before: Envoy then acknowledges them although they are not in force. */
  readonly unconfirmed: boolean;
}

/** A proxy said on a new stream that it holds what it would get, and was therefore sent nothing. */
export interface Quoted {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** The node refused these bytes before, so what it says proves nothing. */
  readonly unconfirmed: boolean;
}

/** A proxy no longer asks for a resource. */
export interface Dropped {
  readonly typeUrl: string;
  readonly name: string;
}

/** A proxy refused a response. */
export interface Nacked {
  readonly typeUrl: string;
  readonly nonce: string;
  /** What the response carried: one, for types with one resource a response. */
  readonly resources: readonly NameAndVersion[];
  /** A gRPC status code, as the proxy gave it. */
  readonly code: number;
  readonly message: string;
}

/** Takes events. Called in the middle of a step: it must neither throw nor call back. */
export type Observe = (event: SessionEvent) => void;
