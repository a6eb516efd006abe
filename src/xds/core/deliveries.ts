// Past 300 lines: a separate object for ACKs and NACKs, or a base class, would cost memory for each stream.

import { decide } from './decide.ts';
import type { Versioned } from './content-version.ts';
import type { Frame } from './frames.ts';
import { noteRejected } from './tracked-resources.ts';
import type { TrackedResource, TrackedResources } from './tracked-resources.ts';
import type { Deliveries, Delivery, DeliveryOptions, DeliveryOwner } from './delivery.ts';
import type { ErrorDetail, Protocol } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';
import { UnansweredResponses } from './unanswered-responses.ts';

/** Creates the deliveries of one type on one stream. */
export function createDeliveries(options: DeliveryOptions, owner: DeliveryOwner): Deliveries {
  return new StreamDeliveries(options, owner);
}

// A class, because each stream has one. With closures, each stream would have its own copy of every function.
class StreamDeliveries implements Deliveries {
  readonly #protocol: Protocol;
  readonly #oneResourcePerResponse: boolean;
  readonly #context: DeliveryOptions['context'];
  readonly #owner: DeliveryOwner;
  readonly #tracked: TrackedResources;
  readonly #unanswered = new UnansweredResponses();
  isSerial = false;
  /**
   * Resources of several responses with one NACK, which may be about any of them. An Envoy acknowledges rejected bytes
   * that it receives again.
   */
  #doubtful: WeakSet<Resource> | undefined;
  #lastSentAt = 0;
  #wakeAt: number | undefined;

  constructor({ protocol, oneResourcePerResponse, context, tracked }: DeliveryOptions, owner: DeliveryOwner) {
    this.#protocol = protocol;
    this.#oneResourcePerResponse = oneResourcePerResponse;
    this.#context = context;
    this.#tracked = tracked;
    this.#owner = owner;
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  get unansweredBytes(): number {
    return this.#unanswered.bytes;
  }

  take(set: ResourceSet | undefined, now: number, emptyReplyPending: boolean): Frame | undefined {
    this.#wakeAt = undefined;
    const due = set === undefined ? undefined : this.#selectDue(set, now);
    if (due === undefined && !emptyReplyPending) return undefined;
    const deliveries = due ?? [];
    const frame = this.#owner.encode(deliveries, set);
    this.#recordSent(frame, deliveries, now);
    return frame;
  }

  applyAck(nonce: string, error: ErrorDetail | undefined, now: number): boolean {
    const { typeUrl, listener } = this.#context;
    const content = this.#unanswered.get(nonce);
    if (content === undefined) return false;
    const skipped = this.#protocol === 'sotw' ? this.#unanswered.takeBefore(nonce) : none;
    this.#unanswered.delete(nonce);
    const { resources, removed } = content;
    if (error !== undefined) {
      // The NACK may be about any of them.
      const candidates = [...resources, ...skipped.flatMap(([, earlier]) => earlier.resources)];
      listener.observe({
        kind: 'nacked',
        typeUrl,
        resources: [
          ...candidates.map(({ name, version }) => ({ name, version })),
          ...removed.map((name) => ({ name, version: undefined })),
        ],
        nonce,
        code: error.code,
        message: error.message,
      });
    }
    if (skipped.length > 0) this.isSerial = true;
    for (const [earlier, { resources: unclear }] of skipped)
      this.#sendAgain(earlier, unclear, error !== undefined, now);
    // The client may have rejected any of them, and has no older version to go back to if it applied this one.
    if (skipped.length > 0 && error !== undefined && this.#oneResourcePerResponse)
      this.#sendAgain(nonce, resources, true, now);
    else for (const resource of resources) this.#applyTo(resource.name, resource, nonce, error, now);
    for (const name of removed) this.#applyTo(name, undefined, nonce, error, now);
    return true;
  }

  drop(name: string): void {
    const { typeUrl, listener } = this.#context;
    if (this.#tracked.delete(name)) listener.observe({ kind: 'dropped', typeUrl, name });
  }

  *held(): Generator<Versioned> {
    for (const { held, inFlight } of this.#tracked.values()) {
      if (held === undefined || held.version === '') continue;
      // Without tracked NACKs, the version would include a resource in flight that the client is about to reject.
      if (this.#oneResourcePerResponse || inFlight === undefined) yield held;
    }
  }

  /** Returns the contents of the next response. Clears the names that need none. */
  #selectDue(set: ResourceSet, now: number): readonly Delivery[] | undefined {
    const { pending } = this.#tracked;
    // The usual push, of one name, has no iterator and no list that grows.
    const only = pending.onlyKey;
    if (only !== undefined) {
      const delivery = this.#dueOf(only, set, now);
      return delivery === undefined ? undefined : [delivery];
    }
    const batch: Delivery[] = [];
    for (const name of pending.keys()) {
      const delivery = this.#dueOf(name, set, now);
      if (delivery === undefined) continue;
      const isRemoval = delivery.resource === undefined;
      // With one resource per response, removals are sent together, and a resource alone.
      if (this.#oneResourcePerResponse && !isRemoval && batch.length > 0) return batch;
      batch.push(delivery);
      if (this.#oneResourcePerResponse && !isRemoval) return batch;
    }
    return batch.length > 0 ? batch : undefined;
  }

  /** Returns the delivery that a pending name needs, if it is due. Clears a name that needs none. */
  #dueOf(name: string, set: ResourceSet, now: number): Delivery | undefined {
    const tracked = this.#tracked.get(name);
    if (tracked === undefined || this.#mustWait(tracked, now)) return undefined;
    const decision = decide(tracked, this.#owner.target(set, name), this.#protocol);
    switch (decision.kind) {
      case 'nothing':
        this.#tracked.clearPending(name, tracked);
        return undefined;
      case 'already-held':
        this.#acceptQuoted(name, tracked, decision.resource, now);
        return undefined;
      case 'remove':
        return { name, resource: undefined };
      case 'send':
        if (this.isSerial && this.#waitsForTurn(tracked, decision.resource, now)) return undefined;
        return { name, resource: decision.resource };
    }
  }

  /**
   * True for a version that the client was sent before, while a response has no ACK or NACK yet, until the ACK timeout.
   * Other versions are sent at once: it may be urgent that the client has them, even if it answers only the last one.
   */
  #waitsForTurn({ held }: TrackedResource, { version }: Resource, now: number): boolean {
    return held?.version === version && this.#unanswered.size > 0 && this.#isBefore(this.#lastSentAt, now);
  }

  #recordSent(frame: Frame, deliveries: readonly Delivery[], now: number): void {
    const { nonce } = frame;
    this.#unanswered.set(nonce, frame.content);
    this.#lastSentAt = now;
    // Bounds the memory for a client that never sends an ACK. A later ACK of a dropped nonce counts as stale.
    this.#unanswered.limitTo(2 * this.#tracked.size + 64);
    for (const { name, resource } of deliveries) {
      const tracked = this.#tracked.get(name);
      if (tracked === undefined) continue;
      this.#tracked.clearPending(name, tracked);
      tracked.held = resource;
      tracked.inFlight = nonce;
      tracked.sentAt = now;
    }
  }

  /** Records that the client has the resource, because it quoted its version. */
  #acceptQuoted(name: string, tracked: TrackedResource, resource: Resource, now: number): void {
    const { typeUrl, listener } = this.#context;
    const { version } = resource;
    this.#tracked.clearPending(name, tracked);
    tracked.held = resource;
    tracked.accepted = resource;
    tracked.unconfirmed = this.#wasRejectedBefore(resource, now);
    listener.observe({ kind: 'quoted', typeUrl, name, version, unconfirmed: tracked.unconfirmed });
  }

  /** True if the same client rejected this version recently, on any stream. */
  #wasRejectedBefore(resource: Resource, now: number): boolean {
    const { memory, client, typeUrl } = this.#context;
    return (
      this.#oneResourcePerResponse &&
      memory.has(client, { typeUrl, name: resource.name, version: resource.version }, now)
    );
  }

  /**
   * True for a change of a name whose previous response has no ACK or NACK yet, until the ACK timeout. A pending
   * reply never waits.
   */
  #mustWait(tracked: TrackedResource, now: number): boolean {
    if (tracked.pending === 'reply' || tracked.inFlight === undefined) return false;
    return this.#isBefore(tracked.sentAt, now);
  }

  /** Returns whether the ACK timeout of a response is not over, and if so, wakes the stream then. */
  #isBefore(sentAt: number, now: number): boolean {
    const until = sentAt + this.#context.ackTimeoutMs;
    if (now >= until) return false;
    this.#wakeAt = Math.min(this.#wakeAt ?? until, until);
    return true;
  }

  /**
   * Sends the names of a response again whose answer is not clear: of each response before an answered one, and with a
   * NACK, of that one as well. The requests of a state-of-the-world client have the nonce of the last response that it
   * received. If its rate of requests is limited, Envoy answers several responses with the last nonce: it has one
   * request for each, but all with that nonce, and the next one says that one of them was rejected. One response at a
   * time gets an answer of its own.
   */
  #sendAgain(nonce: string, resources: readonly Resource[], isNack: boolean, now: number): void {
    const { memory, client, typeUrl } = this.#context;
    for (const resource of resources) {
      const { name, version } = resource;
      if (isNack && this.#oneResourcePerResponse) {
        memory.remember(client, { typeUrl, name, version }, now);
        (this.#doubtful ??= new WeakSet()).add(resource);
      }
      const tracked = this.#tracked.get(name);
      if (tracked?.inFlight !== nonce) continue;
      tracked.inFlight = undefined;
      this.#tracked.requireReply(name);
    }
  }

  #applyTo(
    name: string,
    resource: Resource | undefined,
    nonce: string,
    error: ErrorDetail | undefined,
    now: number,
  ): void {
    if (error === undefined) this.#accept(name, resource, nonce, now);
    else this.#reject(name, resource, nonce, now);
  }

  #accept(name: string, resource: Resource | undefined, nonce: string, now: number): void {
    const { typeUrl, listener } = this.#context;
    const tracked = this.#tracked.get(name);
    const unconfirmed = resource !== undefined && this.#isUnconfirmed(tracked, resource, now);
    if (tracked !== undefined) {
      if (tracked.inFlight === nonce) tracked.inFlight = undefined;
      if (tracked.rejected !== undefined && resource !== undefined)
        this.#clearRejections(name, tracked, resource);
      tracked.accepted = resource;
      tracked.unconfirmed = unconfirmed;
    }
    listener.observe({ kind: 'acked', typeUrl, name, version: resource?.version, nonce, unconfirmed });
    this.#forgetIfGone(name);
  }

  /**
   * Forgets the rejected versions when the client accepts a new version: it may now accept what it rejected
   * before.
   */
  #clearRejections(name: string, tracked: TrackedResource, acknowledged: Resource): void {
    if (acknowledged.version === tracked.accepted?.version) return;
    tracked.rejected = undefined;
    this.#tracked.recheck(name);
  }

  /**
   * True if an ACK does not prove that the resource is in force. Envoy compares a received resource with the
   * bytes that it stored last: it acknowledges equal bytes without a check, and checks all others. So once a
   * client acknowledged other bytes on this stream, its ACKs are believed. The memory counts only for the first
   * ACK of a name.
   */
  #isUnconfirmed(tracked: TrackedResource | undefined, resource: Resource, now: number): boolean {
    if (tracked?.rejected?.includes(resource.version) === true) return true;
    if (this.#doubtful?.has(resource) === true) return true;
    if (tracked?.accepted === undefined) return this.#wasRejectedBefore(resource, now);
    return tracked.accepted.version === resource.version && tracked.unconfirmed;
  }

  #reject(name: string, resource: Resource | undefined, nonce: string, now: number): void {
    const { memory, client, typeUrl } = this.#context;
    const tracked = this.#tracked.get(name);
    const newest = tracked?.inFlight === nonce;
    if (tracked !== undefined && newest) tracked.inFlight = undefined;
    this.#forgetIfGone(name);
    if (resource === undefined) return;
    if (!this.#oneResourcePerResponse) {
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
    this.#tracked.restore(name);
  }

  /**
   * Forgets a name that the client knows does not exist. With one resource per response the name is kept, because
   * its rejected versions would be lost.
   */
  #forgetIfGone(name: string): void {
    const tracked = this.#tracked.get(name);
    if (tracked === undefined || this.#oneResourcePerResponse || this.#owner.isSubscribed(name)) return;
    if (tracked.held === undefined && tracked.inFlight === undefined && tracked.pending === 'none') {
      this.#tracked.delete(name);
    }
  }
}

const none = [] as const;

function unknownVersion(name: string): Versioned {
  return { name, version: '' };
}
