import { combinedVersion } from './content-version.ts';
import type { Versioned } from './content-version.ts';
import { createDeliveries } from './deliveries.ts';
import type { Deliveries, Delivery, DeliveryOwner } from './delivery.ts';
import type { Frame } from './frames.ts';
import { memoryOfName } from './held-bytes.ts';
import type { XdsRequest } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Change } from './snapshot-store.ts';
import { createTrackedResources } from './tracked-resources.ts';
import type { TrackedResources } from './tracked-resources.ts';
import type { Subscription, TypeContext } from './type-state.ts';
import { typeUrls } from './type-urls.ts';
import { covers, wildcardTarget } from './wildcard.ts';

/** A subscription whose resources are sent name by name: delta, and the SotW types without full state. */
// A base class of the delta type and the SotW type, because each stream has one: an object beside it would cost a cache
// miss at each push.
export abstract class NamedSubscription implements Subscription, DeliveryOwner {
  readonly tracked: TrackedResources = createTrackedResources();
  readonly deliveries: Deliveries;
  readonly #context: TypeContext;
  /** True if responses have the version of the set; false if they have that of the client's resources. */
  readonly #sendsSetVersion: boolean;
  #hasWildcard = false;
  // The set may not exist yet when the client subscribes to the wildcard, so `take` looks up its names later.
  #expandPending = false;
  #wildcardReplyPending = false;
  #unsetReplyPending: boolean;

  /** Begins without names. `first` is the first request of the type. */
  constructor(context: TypeContext, first: XdsRequest) {
    const { typeUrl, options } = context;
    const { oneResourcePerResponse = typeUrl === typeUrls.secret } = options;
    this.#context = context;
    this.#sendsSetVersion = first.kind === 'delta' || options.sotwVersion === 'set';
    this.#unsetReplyPending = options.unset === 'empty' && !quotesVersions(first);
    // The version that a SotW client quotes is not compared. The client may have dropped a name and subscribed to it
    // again while it had no stream: its version still covers the name, but it waits for the resource.
    const { tracked } = this;
    this.deliveries = createDeliveries(
      { protocol: first.kind, oneResourcePerResponse, context, tracked },
      this,
    );
  }

  get names(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [name, { isSubscribed }] of this.tracked.entries()) if (isSubscribed) names.add(name);
    return names;
  }

  get isActive(): boolean {
    // Without a wildcard, only subscribed names are tracked.
    return this.#hasWildcard || this.tracked.size > 0;
  }

  heldBytes(set: ResourceSet | undefined): number {
    // Usually the responses have names that are tracked, and use no more memory.
    return Math.max(this.#trackedBytes(set), this.deliveries.unansweredBytes);
  }

  #trackedBytes(set: ResourceSet | undefined): number {
    const only = this.tracked.onlyKey;
    if (only !== undefined) return memoryOfName(only, this.tracked.get(only)?.quoted, set);
    let sum = 0;
    for (const [name, { quoted }] of this.tracked.entries()) sum += memoryOfName(name, quoted, set);
    return sum;
  }

  get hasPending(): boolean {
    const repliesPending = this.#wildcardReplyPending || this.#unsetReplyPending || this.#expandPending;
    return repliesPending || this.tracked.pending.size > 0;
  }

  get wakeAt(): number | undefined {
    return this.deliveries.wakeAt;
  }

  subscribe(name: string, quoted?: string): void {
    this.tracked.requireReply(name, quoted).isSubscribed = true;
  }

  unsubscribe(name: string): void {
    const tracked = this.tracked.get(name);
    if (tracked?.isSubscribed !== true) return;
    tracked.isSubscribed = false;
    // A client that keeps its wildcard cannot know whether the wildcard covers the name, so it needs a reply.
    if (this.#hasWildcard) this.tracked.requireReply(name);
    else this.deliveries.drop(name);
  }

  /** Subscribes to the wildcard, also if it is subscribed already. With `quotes`, an empty set gets no response. */
  subscribeWildcard(quotes: ReadonlyMap<string, string> = noQuotes): void {
    this.#hasWildcard = true;
    this.#expandPending = true;
    this.#wildcardReplyPending = quotes.size === 0;
    // Quoted names that are not subscribed to were held by wildcard, and may no longer exist.
    for (const [name, version] of quotes) {
      if (!this.tracked.has(name)) this.tracked.requireReply(name, version);
    }
  }

  unsubscribeWildcard(): void {
    this.#hasWildcard = false;
    this.#expandPending = false;
    this.#wildcardReplyPending = false;
    for (const name of this.tracked.keys()) if (!this.isSubscribed(name)) this.deliveries.drop(name);
  }

  changed(change: Change, set: ResourceSet | undefined): void {
    const { tracked } = this;
    const names = change.names;
    const only = tracked.onlyKey;
    if (only !== undefined) {
      if (names === 'all' || names.has(only)) tracked.recheck(only);
    } else if (names === 'all' || names.size > tracked.size) {
      for (const name of tracked.keys()) if (names === 'all' || names.has(name)) tracked.recheck(name);
    } else {
      for (const name of names) if (tracked.has(name)) tracked.recheck(name);
    }
    if (!this.#hasWildcard || set === undefined) return;
    for (const name of names === 'all' ? wildcardNames(set) : names) {
      if (covers(set, name)) tracked.recheck(name);
    }
  }

  take(set: ResourceSet | undefined, now: number): Frame | undefined {
    if (set !== undefined && this.#expandPending) this.#expandWildcard(set);
    const emptyReplyPending = set === undefined ? this.#unsetReplyPending : this.#wildcardReplyPending;
    return this.deliveries.take(set, now, emptyReplyPending);
  }

  isSubscribed(name: string): boolean {
    return this.tracked.get(name)?.isSubscribed === true;
  }

  target(set: ResourceSet, name: string): Resource | undefined {
    return this.isSubscribed(name) ? lookup(set, name) : wildcardTarget(set, name);
  }

  encode(deliveries: readonly Delivery[], set: ResourceSet | undefined): Frame {
    const { typeUrl, frames } = this.#context;
    this.#unsetReplyPending = false;
    this.#wildcardReplyPending = false;
    const version = set === undefined ? '' : this.#versionAfter(deliveries, set);
    const only = deliveries.length === 1 ? deliveries[0]?.resource : undefined;
    if (only !== undefined) return frames.encodeOne(typeUrl, version, only, set);
    return frames.encode({
      typeUrl,
      version,
      resources: deliveries.flatMap(({ resource }) => resource ?? []),
      removed: deliveries.filter(isRemoval).map(({ name }) => name),
    });
  }

  #expandWildcard(set: ResourceSet): void {
    this.#expandPending = false;
    for (const name of wildcardNames(set)) {
      // Keep a pending reply: it may carry the version that the client quoted.
      const tracked = this.tracked.get(name);
      if (tracked?.isSubscribed !== true && tracked?.pending !== 'reply') this.tracked.requireReply(name);
    }
  }

  #versionAfter(deliveries: readonly Delivery[], set: ResourceSet): string {
    return this.#sendsSetVersion ? this.#setVersion(deliveries, set) : this.#heldVersion(deliveries, set);
  }

  /**
   * Returns the version of the set, which Envoy shows as its own. If the response restores an older resource,
   * returns the version of that resource: the client would otherwise report the version that it rejected.
   */
  #setVersion(deliveries: readonly Delivery[], set: ResourceSet): string {
    const older = deliveries.find(
      ({ name, resource }) => resource !== undefined && resource.version !== this.target(set, name)?.version,
    );
    return older?.resource?.version ?? set.version;
  }

  /**
   * Returns the hash of the names and versions that the client has once it accepts the response. So the version
   * that the client reports is true, although its names came one by one.
   */
  #heldVersion(deliveries: readonly Delivery[], set: ResourceSet): string {
    const holds: Versioned[] = deliveries.flatMap(({ resource }) => resource ?? []);
    const sent = new Set(holds.map(({ name }) => name));
    for (const held of this.deliveries.held()) {
      if (!sent.has(held.name) && this.target(set, held.name) !== undefined) holds.push(held);
    }
    return combinedVersion(holds);
  }
}

const noQuotes: ReadonlyMap<string, string> = new Map();

function quotesVersions(request: XdsRequest): boolean {
  return request.kind === 'delta' ? request.initialVersions.size > 0 : request.version !== '';
}

function isRemoval({ resource }: Delivery): boolean {
  return resource === undefined;
}
