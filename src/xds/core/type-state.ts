import type { ResponseContent } from './encode.ts';
import type { Frame, StreamFrames } from './frames.ts';
import type { RefusalMemory, Refuser } from './refusal-memory.ts';
import type { DeltaRequest, SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { Observe, RequestKind } from './session-event.ts';
import type { Change } from './snapshot-store.ts';

/** How resources of a type are sent. */
export interface TypeOptions {
  /**
   * Each response carries one resource, so that a refusal names it: the stream then goes back to what it
   * acknowledged before. Default: for Secret; for other types all that changed goes in one response.
   */
  readonly oneResourcePerResponse?: boolean | undefined;
  /**
   * SotW responses carry everything that is subscribed to, and what is left out is thereby deleted. Default:
   * for Cluster and Listener, as the protocol demands.
   */
  readonly fullState?: boolean | undefined;
  /**
   * What a request gets while the store has nothing of its type, not even a default: `hold` waits for it,
   * `empty` answers once with nothing, unless the request quotes versions. Default: `hold`.
   */
  readonly unset?: 'hold' | 'empty' | undefined;
  /**
   * What `version_info` is in SotW. `held`: a hash of what the client holds once it has accepted the response,
   * so that a client which comes back and quotes it is sent only what it lacks. `set`: the version of the
   * resource set, for tools and conformance suites that expect it; a client that comes back is sent everything.
   * Default: `held`.
   */
  readonly sotwVersion?: 'held' | 'set' | undefined;
}

/** A response that is to be written now. */
export interface Outgoing extends ResponseContent {
  readonly nonce: string;
  /** The encoded message. Shared between streams: never write to it. */
  readonly bytes: Uint8Array;
}

/** What the state of one type is made with. */
export interface TypeContext {
  readonly typeUrl: string;
  readonly options: TypeOptions;
  readonly ackTimeoutMs: number;
  readonly memory: RefusalMemory;
  /** The client of the stream. */
  readonly refuser: Refuser;
  readonly observe: Observe;
  /** Those of the stream, all its types together. */
  readonly frames: StreamFrames;
}

/** One type on one stream: what is subscribed to, and what of it is still to be sent. */
export interface TypeState<Request extends SotwRequest | DeltaRequest> {
  request(request: Request, now: number): RequestKind;
  /** The set is what the change led to. */
  changed(change: Change, set: ResourceSet | undefined): void;
  /** The next response, from the set as it is now, or undefined when nothing is to be sent. */
  take(set: ResourceSet | undefined, now: number): Frame | undefined;
  /** Names subscribed to. */
  readonly size: number;
  /** How many that would be after a request. */
  sizeAfter(request: Request): number;
  /** When a change that is held back may go out without an answer to the one before it, in ms. */
  readonly wakeAt: number | undefined;
}
