import type { Versioned } from './content-version.ts';
import type { Frame } from './frames.ts';
import type { ErrorDetail, Protocol } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { TrackedResources } from './tracked-resources.ts';
import type { TypeContext } from './type-state.ts';

/** One name in a response. */
export interface Delivery {
  readonly name: string;
  /** `undefined` if the client is to be sent a removal. */
  readonly resource: Resource | undefined;
}

/** The parameters of the delivery state of one type. */
export interface DeliveryOptions {
  readonly protocol: Protocol;
  /**
   * True for one resource per response, so that a NACK identifies the resource. Only then do NACKs change what is
   * sent.
   */
  readonly oneResourcePerResponse: boolean;
  readonly context: Omit<TypeContext, 'options' | 'frames'>;
  readonly tracked: TrackedResources;
}

/** The subscription that owns the deliveries. */
export interface DeliveryOwner {
  /** Returns false for a name that is forgotten once the client knows that the resource does not exist. */
  isSubscribed(name: string): boolean;
  /** Returns the resource that the client should have for a name. */
  target(set: ResourceSet, name: string): Resource | undefined;
  /** Encodes a response that is about to be sent. Its deliveries are recorded as sent afterwards. */
  encode(deliveries: readonly Delivery[], set: ResourceSet | undefined): Frame;
}

/** Sends the pending resources of one type on one stream, and applies ACKs and NACKs. */
export interface Deliveries {
  /**
   * Returns the next response and records it as sent; `undefined` if none is due. With `emptyReplyPending`, an
   * empty response is due if no other is.
   */
  take(set: ResourceSet | undefined, now: number, emptyReplyPending: boolean): Frame | undefined;
  /** Applies an ACK, or a NACK if there is an `error`. Returns false if no response with this nonce waits for it. */
  applyAck(nonce: string, error: ErrorDetail | undefined, now: number): boolean;
  /** Forgets a name that the client is no longer subscribed to. */
  drop(name: string): void;
  /** Returns the known versions that the client has if it accepts the responses in flight. */
  held(): Iterable<Versioned>;
  /** True once the client answered a response, but not the one before: what it has is then sent one by one. */
  readonly isSerial: boolean;
  /** Memory of the responses without an ACK or NACK, in bytes. Takes time for each. */
  readonly unansweredBytes: number;
  /** Time at which the first change that waits for an ACK is sent without it, in ms. */
  readonly wakeAt: number | undefined;
}
