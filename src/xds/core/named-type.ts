import { createDeliveries } from './deliveries.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { Protocol } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Change } from './snapshot-store.ts';
import type { TypeContext } from './type-state.ts';
import { typeUrls } from './type-urls.ts';
import { covers, wildcardTarget } from './wildcard.ts';

/** What delta, and SotW of types that are sent name by name, have in common. */
export interface NamedType {
  readonly deliveries: Deliveries;
  /** The names subscribed to one by one. */
  readonly names: ReadonlySet<string>;
  subscribe(name: string, quoted?: string): void;
  unsubscribe(name: string): void;
  /** (Re)subscribes to everything; `owesAnswer`: an empty set is answered with an empty response. */
  subscribeWildcard(owesAnswer: boolean): void;
  unsubscribeWildcard(): void;
  changed(change: Change, set: ResourceSet | undefined): void;
  target(set: ResourceSet, name: string): Resource | undefined;
  /** Asks for the names of a wildcard that was subscribed to before the set was there. */
  expand(set: ResourceSet): void;
  /** Nothing is owed for the wildcard: the client quoted what it would get. */
  waiveAnswer(): void;
  /** The next deliveries, or an empty list for an empty response, or undefined for none. */
  next(set: ResourceSet | undefined, now: number): readonly Delivery[] | undefined;
  sent(nonce: string, deliveries: readonly Delivery[], now: number): void;
  /**
   * The version of the set, which Envoy shows as its own. Where the client is sent back to an older resource,
   * it is that resource's version: the client would otherwise claim what it refused.
   */
  versionOf(next: readonly Delivery[], set: ResourceSet): string;
}

/** Makes the state of one type on one stream, with nothing subscribed to. */
export function createNamedType(
  protocol: Protocol,
  context: TypeContext,
  quotesVersions: boolean,
): NamedType {
  return new StreamType(protocol, context, quotesVersions);
}

// A class: each stream has one, and as closures each would have its own copy of every function.
class StreamType implements NamedType {
  readonly names = new Set<string>();
  readonly deliveries: Deliveries;
  #all = false;
  // The set may not be there yet when the wildcard is asked for, so its names are looked up when it is.
  #unexpanded = false;
  #owesWildcardAnswer = false;
  #owesUnsetAnswer: boolean;

  constructor(protocol: Protocol, context: TypeContext, quotesVersions: boolean) {
    const { typeUrl, options, ackTimeoutMs, memory, refuser, observe } = context;
    this.#owesUnsetAnswer = options.unset === 'empty' && !quotesVersions;
    this.deliveries = createDeliveries({
      protocol,
      typeUrl,
      singly: options.oneResourcePerResponse ?? typeUrl === typeUrls.secret,
      ackTimeoutMs,
      memory,
      refuser,
      keeps: (name) => this.names.has(name),
      target: (set, name) => this.target(set, name),
      observe,
    });
  }

  subscribe(name: string, quoted?: string): void {
    this.names.add(name);
    this.deliveries.ask(name, quoted);
  }

  unsubscribe(name: string): void {
    if (!this.names.delete(name)) return;
    // A client that still has the wildcard cannot know whether that covers the name: it must be told.
    if (this.#all) this.deliveries.ask(name);
    else this.deliveries.drop(name);
  }

  subscribeWildcard(owesAnswer: boolean): void {
    this.#all = true;
    this.#unexpanded = true;
    this.#owesWildcardAnswer = owesAnswer;
  }

  unsubscribeWildcard(): void {
    this.#all = false;
    this.#unexpanded = false;
    this.#owesWildcardAnswer = false;
    for (const name of this.deliveries.names) if (!this.names.has(name)) this.deliveries.drop(name);
  }

  changed(change: Change, set: ResourceSet | undefined): void {
    const { deliveries } = this;
    const names = change.names;
    if (names === 'all' || names.size > deliveries.size) {
      for (const name of deliveries.names) if (names === 'all' || names.has(name)) deliveries.touch(name);
    } else {
      for (const name of names) if (deliveries.has(name)) deliveries.touch(name);
    }
    if (!this.#all || set === undefined) return;
    for (const name of names === 'all' ? wildcardNames(set) : names) {
      if (covers(set, name)) deliveries.touch(name);
    }
  }

  target(set: ResourceSet, name: string): Resource | undefined {
    return this.names.has(name) ? lookup(set, name) : wildcardTarget(set, name);
  }

  expand(set: ResourceSet): void {
    if (!this.#unexpanded) return;
    this.#unexpanded = false;
    for (const name of wildcardNames(set)) {
      // One that is owed an answer already may carry the version that the client quoted.
      if (!this.names.has(name) && !this.deliveries.owed(name)) this.deliveries.ask(name);
    }
  }

  waiveAnswer(): void {
    this.#owesWildcardAnswer = false;
  }

  next(set: ResourceSet | undefined, now: number): readonly Delivery[] | undefined {
    if (set === undefined) return this.#owesUnsetAnswer ? [] : undefined;
    return this.deliveries.next(set, now) ?? (this.#owesWildcardAnswer ? [] : undefined);
  }

  versionOf(next: readonly Delivery[], set: ResourceSet): string {
    const older = next.find(
      ({ name, resource }) => resource !== undefined && resource.version !== this.target(set, name)?.version,
    );
    return older?.resource?.version ?? set.version;
  }

  sent(nonce: string, sent: readonly Delivery[], now: number): void {
    this.#owesUnsetAnswer = false;
    this.#owesWildcardAnswer = false;
    this.deliveries.sent(nonce, sent, now);
  }
}
