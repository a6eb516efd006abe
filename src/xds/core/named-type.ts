import { createDeliveries } from './deliveries.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { Protocol } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Change } from './snapshot-store.ts';
import type { TypeContext } from './type-state.ts';
import { typeUrls } from './type-urls.ts';
import { covers, wildcardTarget } from './wildcard.ts';

/** The subscription to one type on one stream, for delta and for SotW types that are sent name by name. */
export interface NamedType {
  readonly deliveries: Deliveries;
  /** The names that the client subscribed to explicitly, without those of the wildcard. */
  readonly names: ReadonlySet<string>;
  subscribe(name: string, quoted?: string): void;
  unsubscribe(name: string): void;
  /**
   * Subscribes to the wildcard, also if it is subscribed already. With `requireReply`, an empty set gets an empty
   * response.
   */
  subscribeWildcard(requireReply: boolean): void;
  unsubscribeWildcard(): void;
  changed(change: Change, set: ResourceSet | undefined): void;
  /** Returns the resource that the client should have for a name. */
  target(set: ResourceSet, name: string): Resource | undefined;
  /** Schedules replies for the names of a new wildcard subscription, once the set exists. */
  expand(set: ResourceSet): void;
  /** Cancels the reply to the wildcard, because the client quoted the current version. */
  waiveWildcardReply(): void;
  /** Returns the next deliveries: an empty list for an empty response, `undefined` for no response. */
  next(set: ResourceSet | undefined, now: number): readonly Delivery[] | undefined;
  sent(nonce: string, deliveries: readonly Delivery[], now: number): void;
  /**
   * Returns the version of the set, which Envoy shows as its own. If the response restores an older resource,
   * returns the version of that resource: the client would otherwise report the version that it rejected.
   */
  versionOf(next: readonly Delivery[], set: ResourceSet): string;
}

/** Creates the state of one type on one stream, without subscriptions. */
export function createNamedType(
  protocol: Protocol,
  context: TypeContext,
  quotesVersions: boolean,
): NamedType {
  return new StreamType(protocol, context, quotesVersions);
}

// A class, because each stream has one. With closures, each stream would have its own copy of every function.
class StreamType implements NamedType {
  readonly names = new Set<string>();
  readonly deliveries: Deliveries;
  #hasWildcard = false;
  // The set may not exist yet when the client subscribes to the wildcard, so `expand` looks up its names later.
  #expandPending = false;
  #wildcardReplyPending = false;
  #unsetReplyPending: boolean;

  constructor(protocol: Protocol, context: TypeContext, quotesVersions: boolean) {
    const { typeUrl, options, ackTimeoutMs, memory, client, observe } = context;
    this.#unsetReplyPending = options.unset === 'empty' && !quotesVersions;
    this.deliveries = createDeliveries({
      protocol,
      typeUrl,
      oneResourcePerResponse: options.oneResourcePerResponse ?? typeUrl === typeUrls.secret,
      ackTimeoutMs,
      memory,
      client,
      isSubscribed: (name) => this.names.has(name),
      target: (set, name) => this.target(set, name),
      observe,
    });
  }

  subscribe(name: string, quoted?: string): void {
    this.names.add(name);
    this.deliveries.requireReply(name, quoted);
  }

  unsubscribe(name: string): void {
    if (!this.names.delete(name)) return;
    // A client that keeps its wildcard cannot know whether the wildcard covers the name, so it needs a reply.
    if (this.#hasWildcard) this.deliveries.requireReply(name);
    else this.deliveries.drop(name);
  }

  subscribeWildcard(requireReply: boolean): void {
    this.#hasWildcard = true;
    this.#expandPending = true;
    this.#wildcardReplyPending = requireReply;
  }

  unsubscribeWildcard(): void {
    this.#hasWildcard = false;
    this.#expandPending = false;
    this.#wildcardReplyPending = false;
    for (const name of this.deliveries.names) if (!this.names.has(name)) this.deliveries.drop(name);
  }

  changed(change: Change, set: ResourceSet | undefined): void {
    const { deliveries } = this;
    const names = change.names;
    if (names === 'all' || names.size > deliveries.size) {
      for (const name of deliveries.names) if (names === 'all' || names.has(name)) deliveries.recheck(name);
    } else {
      for (const name of names) if (deliveries.has(name)) deliveries.recheck(name);
    }
    if (!this.#hasWildcard || set === undefined) return;
    for (const name of names === 'all' ? wildcardNames(set) : names) {
      if (covers(set, name)) deliveries.recheck(name);
    }
  }

  target(set: ResourceSet, name: string): Resource | undefined {
    return this.names.has(name) ? lookup(set, name) : wildcardTarget(set, name);
  }

  expand(set: ResourceSet): void {
    if (!this.#expandPending) return;
    this.#expandPending = false;
    for (const name of wildcardNames(set)) {
      // Keep a pending reply: it may carry the version that the client quoted.
      if (!this.names.has(name) && !this.deliveries.hasPendingReply(name)) this.deliveries.requireReply(name);
    }
  }

  waiveWildcardReply(): void {
    this.#wildcardReplyPending = false;
  }

  next(set: ResourceSet | undefined, now: number): readonly Delivery[] | undefined {
    if (set === undefined) return this.#unsetReplyPending ? [] : undefined;
    return this.deliveries.next(set, now) ?? (this.#wildcardReplyPending ? [] : undefined);
  }

  versionOf(next: readonly Delivery[], set: ResourceSet): string {
    const older = next.find(
      ({ name, resource }) => resource !== undefined && resource.version !== this.target(set, name)?.version,
    );
    return older?.resource?.version ?? set.version;
  }

  sent(nonce: string, sent: readonly Delivery[], now: number): void {
    this.#unsetReplyPending = false;
    this.#wildcardReplyPending = false;
    this.deliveries.sent(nonce, sent, now);
  }
}
