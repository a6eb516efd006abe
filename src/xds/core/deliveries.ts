import { choose } from './choose.ts';
import type { Versioned } from './content-version.ts';
import type { Due, Item } from './choose.ts';
import type { Refusals, Verdict } from './refusals.ts';
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
  /** One resource a response, so that a refusal names it; only then are refusals remembered. */
  readonly singly: boolean;
  /** How long a change waits for the answer to the one before it, in ms. */
  readonly ackTimeoutMs: number;
  readonly refusals: Refusals;
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
  const { protocol, typeUrl, singly, ackTimeoutMs, refusals, keeps, target, observe } = options;
  const items = new Map<string, Item>();
  const due = new Set<string>();
  const unanswered = new Map<string, readonly Delivery[]>();
  let wakeAt: number | undefined;

  function mark(name: string, item: Item, why: Due): void {
    if (rank[why] > rank[item.due]) item.due = why;
    due.add(name);
  }

  function itemOf(name: string): Item {
    let item = items.get(name);
    if (item === undefined) items.set(name, (item = newItem()));
    return item;
  }

  function verdictOf(resource: Resource | undefined, now: number): Verdict {
    if (resource === undefined || !singly) return 'clear';
    return refusals.verdict(typeUrl, resource.name, resource.version, now);
  }

  function done(name: string, item: Item): void {
    item.due = 'nothing';
    item.quoted = undefined;
    due.delete(name);
  }

  /**
   * What the client can be sent back to: not what its node refused since, be it on another stream. So what is
   * sent back and refused as well is not sent again: the cause can lie in the proxy's own configuration.
   */
  function wayBack(item: Item, now: number): Resource | undefined {
    if (verdictOf(item.accepted, now) !== 'clear') item.accepted = undefined;
    return item.accepted;
  }

  /** At most one change of a name is in flight; what was asked for is never held back. */
  function heldBack(item: Item, now: number): boolean {
    if (item.due === 'answer' || item.inFlight === undefined) return false;
    const until = item.sentAt + ackTimeoutMs;
    if (now >= until) return false;
    wakeAt = Math.min(wakeAt ?? until, until);
    return true;
  }

  function accept({ name, resource }: Delivery, nonce: string, now: number): void {
    const verdict = verdictOf(resource, now);
    const unconfirmed = verdict !== 'clear';
    const item = items.get(name);
    if (resource !== undefined && verdict === 'tried') {
      refusals.note('tolerated', typeUrl, name, resource.version, now);
    }
    if (item?.inFlight === nonce) item.inFlight = undefined;
    if (item !== undefined) item.accepted = resource;
    observe({ kind: 'acked', typeUrl, name, version: resource?.version, nonce, unconfirmed });
    forgetIfGone(name);
  }

  function refuse({ name, resource }: Delivery, nonce: string, now: number): void {
    const item = items.get(name);
    const newest = item?.inFlight === nonce;
    if (item !== undefined && newest) item.inFlight = undefined;
    forgetIfGone(name);
    if (resource === undefined || !singly) return;
    refusals.note('refused', typeUrl, name, resource.version, now);
    if (item === undefined) return;
    if (!newest) return;
    item.held = wayBack(item, now) ?? unknownVersion(name);
    mark(name, item, 'restore');
  }

  /** Where refusals count, a name is not forgotten: it would pass for one that the client never had. */
  function forgetIfGone(name: string): void {
    const item = items.get(name);
    if (item === undefined || singly || keeps(name)) return;
    if (item.held === undefined && item.inFlight === undefined && item.due === 'nothing') items.delete(name);
  }

  /** A client that never answers must not make this grow; what it answers this late counts as stale. */
  function forgetOldest(): void {
    const most = 2 * items.size + 64;
    if (unanswered.size <= most) return;
    for (const nonce of unanswered.keys()) {
      unanswered.delete(nonce);
      if (unanswered.size <= most) return;
    }
  }

  return {
    names: { [Symbol.iterator]: () => items.keys() },
    get size() {
      return items.size;
    },
    has: (name) => items.has(name),
    ask(name, quoted) {
      const item = itemOf(name);
      if (quoted === undefined) item.quoted = undefined;
      else quoteItem(item, name, quoted);
      mark(name, item, 'answer');
    },
    touch(name) {
      mark(name, itemOf(name), 'change');
    },
    drop(name) {
      items.delete(name);
      due.delete(name);
    },
    quote(name, version) {
      const item = items.get(name);
      if (item !== undefined) quoteItem(item, name, version);
    },
    *held() {
      for (const { held } of items.values()) if (held !== undefined && held.version !== '') yield held;
    },
    inFlight: (name) => items.get(name)?.inFlight !== undefined,
    owed: (name) => items.get(name)?.due === 'answer',
    next(set, now) {
      wakeAt = undefined;
      // Asked after each write and each request, and nearly always so.
      if (due.size === 0) return undefined;
      const batch: Delivery[] = [];
      for (const name of due) {
        const item = items.get(name);
        if (item === undefined || heldBack(item, now)) continue;
        const resource = target(set, name);
        const verdict = verdictOf(resource, now);
        if (verdict !== 'clear') wayBack(item, now);
        const choice = choose(item, resource, verdict, protocol);
        switch (choice.kind) {
          case 'nothing':
            done(name, item);
            break;
          case 'held':
            done(name, item);
            item.fresh = false;
            item.held = choice.resource;
            if (verdict === 'clear') item.accepted = choice.resource;
            observe({
              kind: 'quoted',
              typeUrl,
              name,
              version: choice.resource.version,
              unconfirmed: verdict !== 'clear',
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
    },
    sent(nonce, deliveries, now) {
      unanswered.set(nonce, deliveries);
      forgetOldest();
      for (const { name, resource } of deliveries) {
        const item = items.get(name);
        if (item === undefined) continue;
        done(name, item);
        item.held = resource;
        if (resource !== undefined) item.fresh = false;
        item.inFlight = nonce;
        item.sentAt = now;
        if (resource !== undefined && verdictOf(resource, now) === 'remembered') {
          refusals.note('tried', typeUrl, name, resource.version, now);
        }
      }
    },
    settle(nonce, error, now) {
      const deliveries = unanswered.get(nonce);
      if (deliveries === undefined) return false;
      unanswered.delete(nonce);
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
        if (error === undefined) accept(delivery, nonce, now);
        else refuse(delivery, nonce, now);
      }
      return true;
    },
    get wakeAt() {
      return wakeAt;
    },
  };
}

function newItem(): Item {
  return {
    due: 'nothing',
    quoted: undefined,
    fresh: true,
    held: undefined,
    accepted: undefined,
    inFlight: undefined,
    sentAt: 0,
  };
}

function unknownVersion(name: string): Versioned {
  return { name, version: '' };
}

function quoteItem(item: Item, name: string, version: string): void {
  item.quoted = version;
  item.held = { name, version };
  item.fresh = false;
}
