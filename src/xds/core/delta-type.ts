import type { Delivery } from './deliveries.ts';
import type { Frame } from './frames.ts';
import { createNamedType } from './named-type.ts';
import type { NamedType } from './named-type.ts';
import type { DeltaRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import type { Change } from './snapshot-store.ts';
import type { TypeContext, TypeState } from './type-state.ts';
import { wildcard } from './wildcard.ts';

/**
 * One type on a delta stream.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
 */
export function createDeltaType(context: TypeContext, first: DeltaRequest): TypeState<DeltaRequest> {
  return new DeltaType(context, first);
}

// A class, because each stream has one.
class DeltaType implements TypeState<DeltaRequest> {
  readonly #context: TypeContext;
  readonly #named: NamedType;
  #started = false;

  constructor(context: TypeContext, first: DeltaRequest) {
    this.#context = context;
    this.#named = createNamedType('delta', context, first.initialVersions.size > 0);
  }

  get size(): number {
    return this.#named.names.size;
  }

  get wakeAt(): number | undefined {
    return this.#named.deliveries.wakeAt;
  }

  request(request: DeltaRequest, now: number): RequestKind {
    const named = this.#named;
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    const quotes = this.#started ? noQuotes : request.initialVersions;
    // Unsubscribe first, so that a name in both lists stays subscribed and gets a reply.
    for (const name of request.unsubscribe) {
      if (name === wildcard) named.unsubscribeWildcard();
      else named.unsubscribe(name);
    }
    // A first request without names subscribes to everything: the legacy form of the wildcard.
    if (!this.#started && request.subscribe.length === 0) subscribeWildcard(named, quotes);
    for (const name of request.subscribe.toSorted()) {
      if (name === wildcard) subscribeWildcard(named, quotes);
      else named.subscribe(name, quotes.get(name));
    }
    this.#started = true;
    return kind;
  }

  changed(change: Change, set: ResourceSet | undefined): void {
    this.#named.changed(change, set);
  }

  take(set: ResourceSet | undefined, now: number): Frame | undefined {
    const { typeUrl, frames } = this.#context;
    if (set !== undefined) this.#named.expand(set);
    const next = this.#named.next(set, now);
    if (next === undefined) return undefined;
    const version = set === undefined ? '' : this.#named.versionOf(next, set);
    const only = next.length === 1 ? next[0]?.resource : undefined;
    const response =
      only === undefined
        ? frames.get({
            typeUrl,
            version,
            resources: next.flatMap(({ resource }) => resource ?? []),
            removed: next.filter(isRemoval).map(({ name }) => name),
          })
        : frames.one(typeUrl, version, only);
    this.#named.sent(response.nonce, next, now);
    return response;
  }

  sizeAfter({ subscribe, unsubscribe }: DeltaRequest): number {
    const { names } = this.#named;
    if (subscribe.length + unsubscribe.length === 0) return names.size;
    return names.difference(new Set(unsubscribe)).union(new Set(subscribe)).size;
  }

  #applyAck({ nonce, error }: DeltaRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (!this.#named.deliveries.applyAck(nonce, error, now)) return 'stale';
    return error === undefined ? 'ack' : 'nack';
  }
}

const noQuotes: ReadonlyMap<string, string> = new Map();

/**
 * Subscribes to the wildcard. Quoted names that are not in the request were held by wildcard, and may no longer
 * exist.
 */
function subscribeWildcard(named: NamedType, quotes: ReadonlyMap<string, string>): void {
  named.subscribeWildcard(quotes.size === 0);
  for (const [name, version] of quotes) {
    if (!named.deliveries.has(name)) named.deliveries.requireReply(name, version);
  }
}

function isRemoval({ resource }: Delivery): boolean {
  return resource === undefined;
}
