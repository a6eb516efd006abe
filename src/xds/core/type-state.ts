import type { ResponseContent } from './encode.ts';
import type { Frame, StreamFrames } from './frames.ts';
import type { RefusalMemory, ClientIdentity } from './refusal-memory.ts';
import type { DeltaRequest, SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind, SessionListener } from './session-event.ts';
import type { Change } from './snapshot-store.ts';

/** Options for how the resources of a type are sent. */
export interface TypeOptions {
  /**
   * True if each response carries one resource, so that a NACK identifies the resource: the stream then restores
   * the version that the client acknowledged before. Default: true for Secret. Other types send all changed
   * resources in one response.
   */
  readonly oneResourcePerResponse?: boolean | undefined;
  /**
   * True if each SotW response carries all subscribed resources, so that the client deletes the omitted ones.
   * Default: true for Cluster and Listener, as the protocol requires.
   */
  readonly fullState?: boolean | undefined;
  /**
   * The reply to a request while the store has no set and no default of its type. `hold` waits for a set. `empty`
   * sends one empty response, unless the request quotes versions. Default: `hold`.
   */
  readonly unset?: 'hold' | 'empty' | undefined;
  /**
   * The `version_info` of SotW responses. `held`: a hash of the resources that the client has once it accepts the
   * response. `set`: the version of the resource set, for tools and conformance suites that expect it. A client
   * that reconnects is sent all resources. Only a client of the wildcard alone that quotes the `held` version of a
   * full state is sent nothing. Default: `held`.
   */
  readonly sotwVersion?: 'held' | 'set' | undefined;
}

/** A response, as observers see it. */
export interface Outgoing extends ResponseContent {
  readonly nonce: string;
  /** The encoded message. Shared between streams: never write to it. */
  readonly bytes: Uint8Array;
}

/** The parameters of the state of one type. */
export interface TypeContext {
  readonly typeUrl: string;
  readonly options: TypeOptions;
  readonly ackTimeoutMs: number;
  readonly memory: RefusalMemory;
  /** The client of the stream. */
  readonly client: ClientIdentity;
  readonly listener: SessionListener;
  /** The frames of the stream. All its types share them. */
  readonly frames: StreamFrames;
}

/** The subscription to one type on one stream, and the responses that are due. */
export interface Subscription {
  /** The names that the client subscribed to explicitly, without those of the wildcard. Takes time for each name. */
  readonly names: ReadonlySet<string>;
  /** False if the client is subscribed to nothing: to no name and not to the wildcard. */
  readonly isActive: boolean;
  /**
   * Returns the memory of all names and versions of the client that the stream keeps, in bytes. Takes time for each
   * name. `set` is the resource set of the client.
   */
  heldBytes(set: ResourceSet | undefined): number;
  /** False if no response is due, and none becomes due without a request or a change. */
  readonly hasPending: boolean;
  /** Records a change. `set` is the resource set after the change. */
  changed(change: Change, set: ResourceSet | undefined): void;
  /** Returns the next response, built from `set`, and records it as sent; `undefined` if none is due. */
  take(set: ResourceSet | undefined, now: number): Frame | undefined;
  /** Time at which a change that waits for an ACK is sent without it, in ms. Only valid while `hasPending`. */
  readonly wakeAt: number | undefined;
}

/** One type on one stream: a subscription to which the requests of a protocol are applied. */
export interface TypeState<Request extends SotwRequest | DeltaRequest> extends Subscription {
  /** Applies a request. */
  request(request: Request, now: number): RequestKind;
  /** Returns the names that the client would be subscribed to explicitly after a request. */
  namesAfter(request: Request): ReadonlySet<string>;
}
