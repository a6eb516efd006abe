import { decide } from './decide.ts';
import type { Versioned } from './content-version.ts';
import { newTrackedResource, noteRejected, noteQuoted } from './tracked-resource.ts';
import type { PendingReason, TrackedResource } from './tracked-resource.ts';
import type { RefusalMemory, ClientIdentity } from './refusal-memory.ts';
import type { ErrorDetail, Protocol } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Observe } from './session-event.ts';

/** One name in a response. */
export interface Delivery {
  readonly name: string;
  /** `undefined` if the client is to be sent a removal. */
  readonly resource: Resource | undefined;
}

/** The parameters of the delivery state of one type. */
export interface DeliveryOptions {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  /**
   * True for one resource per response, so that a NACK identifies the resource. Only then do NACKs change what is
   * sent.
   */
  readonly oneResourcePerResponse: boolean;
  /** Time after which a change is sent although the response before it has no ACK or NACK yet, in ms. */
  readonly ackTimeoutMs: number;
  /** Recent NACKs on other streams. They make ACKs on this stream unconfirmed. */
  readonly memory: RefusalMemory;
  /** The client of this stream. */
  readonly client: ClientIdentity;
  /** False for a name that is forgotten once the client knows that the resource does not exist. */
  readonly isSubscribed: (name: string) => boolean;
  /** Returns the resource that the client should have for a name. */
  readonly target: (set: ResourceSet, name: string) => Resource | undefined;
  readonly observe: Observe;
}

/**
 * The delivery state of one type on one stream: for each name, what the client has, what was sent, and what is
 * pending.
 */
export interface Deliveries {
  readonly names: Iterable<string>;
  readonly size: number;
  has(name: string): boolean;
  /** Schedules a reply to a subscription. No reply is sent if the client quotes the current version. */
  requireReply(name: string, quoted?: string): void;
  /** Schedules a check of a name whose resource may have changed. */
  recheck(name: string): void;
  /** Forgets a name that the client is no longer subscribed to. */
  drop(name: string): void;
  /** Sets the version that the client quoted for a name, until `next` compares it. */
  quote(name: string, version: string): void;
  /** Returns the known versions that the client has if it accepts the responses in flight. */
  held(): Iterable<Versioned>;
  /** True if a response with the name has no ACK or NACK yet. */
  inFlight(name: string): boolean;
  /** True if the client subscribed to the name and was not sent a reply yet. */
  hasPendingReply(name: string): boolean;
  /** Returns the contents of the next response. The caller must call `sent` with the nonce of the response. */
  next(set: ResourceSet, now: number): readonly Delivery[] | undefined;
  sent(nonce: string, deliveries: readonly Delivery[], now: number): void;
  /** Applies an ACK, or a NACK if there is an `error`. Returns false if no response with this nonce waits for it. */
  applyAck(nonce: string, error: ErrorDetail | undefined, now: number): boolean;
  /** Time at which the first change that waits for an ACK is sent without it, in ms. */
  readonly wakeAt: number | undefined;
}

const rank: Readonly<Record<PendingReason, number>> = { none: 0, change: 1, restore: 2, reply: 3 };

/** Creates the delivery state of one type on one stream. */
export function createDeliveries(options: DeliveryOptions): Deliveries {
  return new StreamDeliveries(options);
}

// A class, because each stream has one. With closures, each stream would have its own copy of every function.
class StreamDeliveries implements Deliveries {
  readonly #options: DeliveryOptions;
  readonly #tracked = new Map<string, TrackedResource>();
  readonly #pending = new Set<string>();
  readonly #unanswered = new Map<string, readonly Delivery[]>();
  #wakeAt: number | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get names(): Iterable<string> {
    return this.#tracked.keys();
  }

  get size(): number {
    return this.#tracked.size;
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  has(name: string): boolean {
    return this.#tracked.has(name);
  }

  requireReply(name: string, quoted?: string): void {
    const tracked = this.#trackedOf(name);
    if (quoted === undefined) tracked.quoted = undefined;
    else noteQuoted(tracked, name, quoted);
    this.#mark(name, tracked, 'reply');
  }

  recheck(name: string): void {
    this.#mark(name, this.#trackedOf(name), 'change');
  }

  drop(name: string): void {
    const { typeUrl, observe } = this.#options;
    this.#pending.delete(name);
    if (this.#tracked.delete(name)) observe({ kind: 'dropped', typeUrl, name });
  }

  quote(name: string, version: string): void {
    const tracked = this.#tracked.get(name);
    if (tracked !== undefined) noteQuoted(tracked, name, version);
  }

  *held(): Generator<Versioned> {
    const { oneResourcePerResponse } = this.#options;
    for (const { held, inFlight } of this.#tracked.values()) {
      if (held === undefined || held.version === '') continue;
      // Without tracked NACKs, the version would include a resource in flight that the client is about to reject.
      if (oneResourcePerResponse || inFlight === undefined) yield held;
    }
  }

  inFlight(name: string): boolean {
    return this.#tracked.get(name)?.inFlight !== undefined;
  }

  hasPendingReply(name: string): boolean {
    return this.#tracked.get(name)?.pending === 'reply';
  }

  next(set: ResourceSet, now: number): readonly Delivery[] | undefined {
    this.#wakeAt = undefined;
    // The common case: `next` is called after each write and each request.
    if (this.#pending.size === 0) return undefined;
    const { protocol, oneResourcePerResponse, typeUrl, target, observe } = this.#options;
    const batch: Delivery[] = [];
    for (const name of this.#pending) {
      const tracked = this.#tracked.get(name);
      if (tracked === undefined || this.#mustWait(tracked, now)) continue;
      const resource = target(set, name);
      const decision = decide(tracked, resource, protocol);
      switch (decision.kind) {
        case 'nothing':
          this.#clearPending(name, tracked);
          break;
        case 'already-held':
          this.#clearPending(name, tracked);
          tracked.held = decision.resource;
          tracked.accepted = decision.resource;
          tracked.unconfirmed = this.#wasRejectedBefore(decision.resource, now);
          observe({
            kind: 'quoted',
            typeUrl,
            name,
            version: decision.resource.version,
            unconfirmed: tracked.unconfirmed,
          });
          break;
        case 'remove':
          batch.push({ name, resource: undefined });
          break;
        case 'send':
          if (oneResourcePerResponse && batch.length > 0) return batch;
          batch.push({ name, resource: decision.resource });
          if (oneResourcePerResponse) return batch;
          break;
      }
    }
    return batch.length > 0 ? batch : undefined;
  }

  sent(nonce: string, deliveries: readonly Delivery[], now: number): void {
    this.#unanswered.set(nonce, deliveries);
    this.#dropOldestUnanswered();
    for (const { name, resource } of deliveries) {
      const tracked = this.#tracked.get(name);
      if (tracked === undefined) continue;
      this.#clearPending(name, tracked);
      tracked.held = resource;
      tracked.inFlight = nonce;
      tracked.sentAt = now;
    }
  }

  applyAck(nonce: string, error: ErrorDetail | undefined, now: number): boolean {
    const { typeUrl, observe } = this.#options;
    const deliveries = this.#unanswered.get(nonce);
    if (deliveries === undefined) return false;
    this.#unanswered.delete(nonce);
    if (error !== undefined) {
      observe({
        kind: 'nacked',
        typeUrl,
        resources: deliveries.map(({ name, resource }) => ({ name, version: resource?.version })),
        nonce,
        code: error.code,
        message: error.message,
      });
    }
    for (const delivery of deliveries) {
      if (error === undefined) this.#accept(delivery, nonce, now);
      else this.#reject(delivery, nonce, now);
    }
    return true;
  }

  #mark(name: string, tracked: TrackedResource, reason: PendingReason): void {
    if (rank[reason] > rank[tracked.pending]) tracked.pending = reason;
    this.#pending.add(name);
  }

  #trackedOf(name: string): TrackedResource {
    let tracked = this.#tracked.get(name);
    if (tracked === undefined) this.#tracked.set(name, (tracked = newTrackedResource()));
    return tracked;
  }

  /** True if the same client rejected this version recently, on any stream. */
  #wasRejectedBefore(resource: Resource, now: number): boolean {
    const { oneResourcePerResponse, memory, client, typeUrl } = this.#options;
    return (
      oneResourcePerResponse &&
      memory.has(client, { typeUrl, name: resource.name, version: resource.version }, now)
    );
  }

  #clearPending(name: string, tracked: TrackedResource): void {
    tracked.pending = 'none';
    tracked.quoted = undefined;
    this.#pending.delete(name);
  }

  /** True for a change of a name whose previous response has no ACK or NACK yet. A pending reply never waits. */
  #mustWait(tracked: TrackedResource, now: number): boolean {
    if (tracked.pending === 'reply' || tracked.inFlight === undefined) return false;
    const until = tracked.sentAt + this.#options.ackTimeoutMs;
    if (now >= until) return false;
    this.#wakeAt = Math.min(this.#wakeAt ?? until, until);
    return true;
  }

  #accept({ name, resource }: Delivery, nonce: string, now: number): void {
    const { typeUrl, observe } = this.#options;
    const tracked = this.#tracked.get(name);
    const unconfirmed = resource !== undefined && this.#isUnconfirmed(tracked, resource, now);
    if (tracked !== undefined) {
      if (tracked.inFlight === nonce) tracked.inFlight = undefined;
      if (tracked.rejected !== undefined && resource !== undefined) this.#clearRejections(tracked, resource);
      tracked.accepted = resource;
      tracked.unconfirmed = unconfirmed;
    }
    observe({ kind: 'acked', typeUrl, name, version: resource?.version, nonce, unconfirmed });
    this.#forgetIfGone(name);
  }

  /**
   * Forgets the rejected versions when the client accepts a new version: it may now accept what it rejected
   * before.
   */
  #clearRejections(tracked: TrackedResource, acknowledged: Resource): void {
    if (acknowledged.version === tracked.accepted?.version) return;
    tracked.rejected = undefined;
    this.#mark(acknowledged.name, tracked, 'change');
  }

  /**
   * True if an ACK does not prove that the resource is in force. Envoy compares a received resource with the
   * bytes that it stored last: it acknowledges equal bytes without a check, and checks all others. So once a
   * client acknowledged other bytes on this stream, its ACKs are believed. The memory counts only for the first
   * ACK of a name.
   */
  #isUnconfirmed(tracked: TrackedResource | undefined, resource: Resource, now: number): boolean {
    if (tracked?.rejected?.has(resource.version) === true) return true;
    if (tracked?.accepted === undefined) return this.#wasRejectedBefore(resource, now);
    return tracked.accepted.version === resource.version && tracked.unconfirmed;
  }

  #reject({ name, resource }: Delivery, nonce: string, now: number): void {
    const { oneResourcePerResponse, memory, client, typeUrl } = this.#options;
    const tracked = this.#tracked.get(name);
    const newest = tracked?.inFlight === nonce;
    if (tracked !== undefined && newest) tracked.inFlight = undefined;
    this.#forgetIfGone(name);
    if (resource === undefined) return;
    if (!oneResourcePerResponse) {
      // The NACK does not say which resource is wrong, so nothing is restored. But the client does not have this
      // version.
      if (tracked !== undefined && newest) tracked.held = unknownVersion(name);
      return;
    }
    memory.remember(client, { typeUrl, name, version: resource.version }, now);
    if (tracked === undefined) return;
    noteRejected(tracked, resource.version);
    if (!newest) return;
    tracked.held = tracked.accepted ?? unknownVersion(name);
    this.#mark(name, tracked, 'restore');
  }

  /**
   * Forgets a name that the client knows does not exist. With one resource per response the name is kept, because
   * its rejected versions would be lost.
   */
  #forgetIfGone(name: string): void {
    const { oneResourcePerResponse, isSubscribed } = this.#options;
    const tracked = this.#tracked.get(name);
    if (tracked === undefined || oneResourcePerResponse || isSubscribed(name)) return;
    if (tracked.held === undefined && tracked.inFlight === undefined && tracked.pending === 'none') {
      this.#tracked.delete(name);
    }
  }

  /** Bounds the memory for a client that never sends an ACK. A later ACK of a dropped nonce counts as stale. */
  #dropOldestUnanswered(): void {
    const limit = 2 * this.#tracked.size + 64;
    if (this.#unanswered.size <= limit) return;
    for (const nonce of this.#unanswered.keys()) {
      this.#unanswered.delete(nonce);
      if (this.#unanswered.size <= limit) return;
    }
  }
}

function unknownVersion(name: string): Versioned {
  return { name, version: '' };
}
