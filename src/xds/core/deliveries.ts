import { choose } from './choose.ts';
import type { Versioned } from './content-version.ts';
import { newItem, noteRefused, quoteItem } from './item.ts';
import type { Due, Item } from './item.ts';
import type { RefusalMemory, Refuser } from './refusal-memory.ts';
import type { ErrorDetail, Protocol } from './request.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Observe } from './session-event.ts';

/** One name in a response. */
export interface Delivery {
  readonly name: string;
  /** Undefined: told as removed. */
  readonly resource: Resource | undefined;
}

/** What the delivery state of one type is made with. */
export interface DeliveryOptions {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  /** One resource per response, so that a refusal names it; only then do refusals count. */
  readonly singly: boolean;
  /** How long a change waits for the answer to the one before it, in ms. */
  readonly ackTimeoutMs: number;
  /** Refusals of other streams, which cast doubt on what this one acknowledges. */
  readonly memory: RefusalMemory;
  /** The client of this stream. */
  readonly refuser: Refuser;
  /** False for names that need not be kept once the client knows that they do not exist. */
  readonly keeps: (name: string) => boolean;
  /** What the client gets of a set for a name. */
  readonly target: (set: ResourceSet, name: string) => Resource | undefined;
  readonly observe: Observe;
}

/** What one stream holds, was sent and is still owed of one type, name by name. */
export interface Deliveries {
  readonly names: Iterable<string>;
  readonly size: number;
  has(name: string): boolean;
  /** The client asked for the name: answer it, except with the version it quotes. */
  ask(name: string, quoted?: string): void;
  /** The name may stand for something else now. */
  touch(name: string): void;
  drop(name: string): void;
  /** Sets what the client said it holds, while that is not compared yet. */
  quote(name: string, version: string): void;
  /** What the client holds if it accepts what is in flight, as far as that is known. */
  held(): Iterable<Versioned>;
  inFlight(name: string): boolean;
  /** True while an answer to the client's asking is still to be sent. */
  owed(name: string): boolean;
  /** What the next response carries. The caller must say with `sent` under which nonce it went out. */
  next(set: ResourceSet, now: number): readonly Delivery[] | undefined;
  sent(nonce: string, deliveries: readonly Delivery[], now: number): void;
  /** An ACK, or with an error a NACK. False: the nonce is not that of an unanswered response. */
  settle(nonce: string, error: ErrorDetail | undefined, now: number): boolean;
  /** When the first change that `next` held back may go out all the same, in ms. */
  readonly wakeAt: number | undefined;
}

const rank: Readonly<Record<Due, number>> = { nothing: 0, change: 1, restore: 2, answer: 3 };

/** Makes the delivery state of one type on one stream. */
export function createDeliveries(options: DeliveryOptions): Deliveries {
  return new StreamDeliveries(options);
}

// A class: each stream has one, and as closures each would have its own copy of every function.
class StreamDeliveries implements Deliveries {
  readonly #options: DeliveryOptions;
  readonly #items = new Map<string, Item>();
  readonly #due = new Set<string>();
  readonly #unanswered = new Map<string, readonly Delivery[]>();
  #wakeAt: number | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get names(): Iterable<string> {
    return this.#items.keys();
  }

  get size(): number {
    return this.#items.size;
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  has(name: string): boolean {
    return this.#items.has(name);
  }

  ask(name: string, quoted?: string): void {
    const item = this.#itemOf(name);
    if (quoted === undefined) item.quoted = undefined;
    else quoteItem(item, name, quoted);
    this.#mark(name, item, 'answer');
  }

  touch(name: string): void {
    this.#mark(name, this.#itemOf(name), 'change');
  }

  drop(name: string): void {
    const { typeUrl, observe } = this.#options;
    this.#due.delete(name);
    if (this.#items.delete(name)) observe({ kind: 'dropped', typeUrl, name });
  }

  quote(name: string, version: string): void {
    const item = this.#items.get(name);
    if (item !== undefined) quoteItem(item, name, version);
  }

  *held(): Generator<Versioned> {
    const { singly } = this.#options;
    for (const { held, inFlight } of this.#items.values()) {
      if (held === undefined || held.version === '') continue;
      // Without a memory of refusals, a response under way that is refused yet would stay in the version.
      if (singly || inFlight === undefined) yield held;
    }
  }

  inFlight(name: string): boolean {
    return this.#items.get(name)?.inFlight !== undefined;
  }

  owed(name: string): boolean {
    return this.#items.get(name)?.due === 'answer';
  }

  next(set: ResourceSet, now: number): readonly Delivery[] | undefined {
    this.#wakeAt = undefined;
    // Asked after each write and each request, and nearly always so.
    if (this.#due.size === 0) return undefined;
    const { protocol, singly, typeUrl, target, observe } = this.#options;
    const batch: Delivery[] = [];
    for (const name of this.#due) {
      const item = this.#items.get(name);
      if (item === undefined || this.#heldBack(item, now)) continue;
      const resource = target(set, name);
      const choice = choose(item, resource, protocol);
      switch (choice.kind) {
        case 'nothing':
          this.#done(name, item);
          break;
        case 'held':
          this.#done(name, item);
          item.held = choice.resource;
          item.accepted = choice.resource;
          item.doubtful = this.#isRemembered(choice.resource, now);
          observe({
            kind: 'quoted',
            typeUrl,
            name,
            version: choice.resource.version,
            unconfirmed: item.doubtful,
          });
          break;
        case 'remove':
          batch.push({ name, resource: undefined });
          break;
        case 'send':
          if (singly && batch.length > 0) return batch;
          batch.push({ name, resource: choice.resource });
          if (singly) return batch;
          break;
      }
    }
    return batch.length > 0 ? batch : undefined;
  }

  sent(nonce: string, deliveries: readonly Delivery[], now: number): void {
    this.#unanswered.set(nonce, deliveries);
    this.#forgetOldest();
    for (const { name, resource } of deliveries) {
      const item = this.#items.get(name);
      if (item === undefined) continue;
      this.#done(name, item);
      item.held = resource;
      item.inFlight = nonce;
      item.sentAt = now;
    }
  }

  settle(nonce: string, error: ErrorDetail | undefined, now: number): boolean {
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
      else this.#refuse(delivery, nonce, now);
    }
    return true;
  }

  #mark(name: string, item: Item, why: Due): void {
    if (rank[why] > rank[item.due]) item.due = why;
    this.#due.add(name);
  }

  #itemOf(name: string): Item {
    let item = this.#items.get(name);
    if (item === undefined) this.#items.set(name, (item = newItem()));
    return item;
  }

  /** Whether the same client refused these bytes lately, on any stream. */
  #isRemembered(resource: Resource, now: number): boolean {
    const { singly, memory, refuser, typeUrl } = this.#options;
    return singly && memory.has(refuser, { typeUrl, name: resource.name, version: resource.version }, now);
  }

  #done(name: string, item: Item): void {
    item.due = 'nothing';
    item.quoted = undefined;
    this.#due.delete(name);
  }

  /** At most one change of a name is in flight; what was asked for is never held back. */
  #heldBack(item: Item, now: number): boolean {
    if (item.due === 'answer' || item.inFlight === undefined) return false;
    const until = item.sentAt + this.#options.ackTimeoutMs;
    if (now >= until) return false;
    this.#wakeAt = Math.min(this.#wakeAt ?? until, until);
    return true;
  }

  #accept({ name, resource }: Delivery, nonce: string, now: number): void {
    const { typeUrl, observe } = this.#options;
    const item = this.#items.get(name);
    const unconfirmed = resource !== undefined && this.#isDoubtful(item, resource, now);
    if (item !== undefined) {
      if (item.inFlight === nonce) item.inFlight = undefined;
      if (item.refused !== undefined && resource !== undefined) this.#forgive(item, resource);
      item.accepted = resource;
      item.doubtful = unconfirmed;
    }
    observe({ kind: 'acked', typeUrl, name, version: resource?.version, nonce, unconfirmed });
    this.#forgetIfGone(name);
  }

  /** A client that acknowledges a new version may accept now what it refused before: what is due is looked at again. */
  #forgive(item: Item, acknowledged: Resource): void {
    if (acknowledged.version === item.accepted?.version) return;
    item.refused = undefined;
    this.#mark(acknowledged.name, item, 'change');
  }

  /**
   * Whether an acknowledgement proves nothing. Envoy compares what comes with the bytes that it stored last:
   * it acknowledges equal ones without a look, and checks all others. So a client that acknowledged other
   * bytes on this stream is believed, and the memory counts only for the first ones.
   */
  #isDoubtful(item: Item | undefined, resource: Resource, now: number): boolean {
    if (item?.refused?.has(resource.version) === true) return true;
    if (item?.accepted === undefined) return this.#isRemembered(resource, now);
    return item.accepted.version === resource.version && item.doubtful;
  }

  #refuse({ name, resource }: Delivery, nonce: string, now: number): void {
    const { singly, memory, refuser, typeUrl } = this.#options;
    const item = this.#items.get(name);
    const newest = item?.inFlight === nonce;
    if (item !== undefined && newest) item.inFlight = undefined;
    this.#forgetIfGone(name);
    if (resource === undefined) return;
    if (!singly) {
      // One of several is to blame, so nothing is sent back; but the client does not hold this one.
      if (item !== undefined && newest) item.held = unknownVersion(name);
      return;
    }
    memory.remember(refuser, { typeUrl, name, version: resource.version }, now);
    if (item === undefined) return;
    noteRefused(item, resource.version);
    if (!newest) return;
    item.held = item.accepted ?? unknownVersion(name);
    this.#mark(name, item, 'restore');
  }

  /** Where refusals count, a name is kept: what the client refused of it would be lost with it. */
  #forgetIfGone(name: string): void {
    const { singly, keeps } = this.#options;
    const item = this.#items.get(name);
    if (item === undefined || singly || keeps(name)) return;
    if (item.held === undefined && item.inFlight === undefined && item.due === 'nothing') {
      this.#items.delete(name);
    }
  }

  /** A client that never answers must not make this grow; what it answers this late counts as stale. */
  #forgetOldest(): void {
    const most = 2 * this.#items.size + 64;
    if (this.#unanswered.size <= most) return;
    for (const nonce of this.#unanswered.keys()) {
      this.#unanswered.delete(nonce);
      if (this.#unanswered.size <= most) return;
    }
  }
}

function unknownVersion(name: string): Versioned {
  return { name, version: '' };
}
