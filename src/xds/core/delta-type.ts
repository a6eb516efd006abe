import type { Delivery } from './deliveries.ts';
import { createNamedType } from './named-type.ts';
import type { NamedType } from './named-type.ts';
import type { DeltaRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import type { TypeContext, TypeState } from './type-state.ts';
import { wildcard } from './wildcard.ts';

/**
 * One type on a delta stream.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
 */
export function createDeltaType(context: TypeContext, first: DeltaRequest): TypeState<DeltaRequest> {
  const named = createNamedType('delta', context, first.initialVersions.size > 0);
  const { deliveries } = named;
  let started = false;

  return {
    request(request, now) {
      const kind = started ? settle(request, now) : 'initial';
      const quotes = started ? noQuotes : request.initialVersions;
      // First, so that a name in both lists stays subscribed and is answered.
      for (const name of request.unsubscribe) {
        if (name === wildcard) named.unsubscribeWildcard();
        else named.unsubscribe(name);
      }
      // A client that never named anything means everything, as it did before there was a `*`.
      if (!started && request.subscribe.length === 0) subscribeWildcard(named, quotes);
      for (const name of request.subscribe.toSorted()) {
        if (name === wildcard) subscribeWildcard(named, quotes);
        else named.subscribe(name, quotes.get(name));
      }
      started = true;
      return kind;
    },
    changed: (change, set) => named.changed(change, set),
    take(set, now) {
      if (set !== undefined) named.expand(set);
      const next = named.next(set, now);
      if (next === undefined) return undefined;
      const version = set === undefined ? '' : versionOf(next, set);
      const only = next.length === 1 ? next[0]?.resource : undefined;
      const response =
        only === undefined
          ? context.frame({
              typeUrl: context.typeUrl,
              version,
              resources: next.flatMap(({ resource }) => resource ?? []),
              removed: next.filter(isRemoval).map(({ name }) => name),
            })
          : context.frameOfOne(version, only);
      named.sent(response.nonce, next, now);
      return response;
    },
    get size() {
      return named.names.size;
    },
    sizeAfter({ subscribe, unsubscribe }) {
      if (subscribe.length + unsubscribe.length === 0) return named.names.size;
      return named.names.difference(new Set(unsubscribe)).union(new Set(subscribe)).size;
    },
    get wakeAt() {
      return deliveries.wakeAt;
    },
  };

  /**
   * The version of the set, which Envoy shows as its own; but not where it is sent back to an older resource,
   * since it would then claim what it refused.
   */
  function versionOf(next: readonly Delivery[], set: ResourceSet): string {
    const older = next.find(
      ({ name, resource }) => resource !== undefined && resource.version !== named.target(set, name)?.version,
    );
    return older?.resource?.version ?? set.version;
  }

  function settle({ nonce, error }: DeltaRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (!deliveries.settle(nonce, error, now)) return 'stale';
    return error === undefined ? 'ack' : 'nack';
  }
}

const noQuotes: ReadonlyMap<string, string> = new Map();

/** What the client quotes beyond the names it lists is held by wildcard, and may be gone since. */
function subscribeWildcard(named: NamedType, quotes: ReadonlyMap<string, string>): void {
  named.subscribeWildcard(quotes.size === 0);
  for (const [name, version] of quotes) {
    if (!named.deliveries.has(name)) named.deliveries.ask(name, version);
  }
}

function isRemoval({ resource }: Delivery): boolean {
  return resource === undefined;
}
