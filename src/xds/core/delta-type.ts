import { NamedSubscription } from './named-subscription.ts';
import type { DeltaRequest } from './request.ts';
import type { RequestKind } from './session-event.ts';
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
class DeltaType extends NamedSubscription implements TypeState<DeltaRequest> {
  #started = false;

  request(request: DeltaRequest, now: number): RequestKind {
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    // The usual ACK.
    if (this.#started && request.subscribe.length === 0 && request.unsubscribe.length === 0) return kind;
    const quotes = this.#started ? undefined : request.initialVersions;
    // Unsubscribe first, so that a name in both lists stays subscribed and gets a reply.
    for (const name of request.unsubscribe) {
      if (name === wildcard) this.unsubscribeWildcard();
      else this.unsubscribe(name);
    }
    // A first request without names subscribes to everything: the legacy form of the wildcard.
    if (!this.#started && request.subscribe.length === 0) this.subscribeWildcard(quotes);
    for (const name of request.subscribe.toSorted()) {
      if (name === wildcard) this.subscribeWildcard(quotes);
      else this.subscribe(name, quotes?.get(name));
    }
    this.#started = true;
    return kind;
  }

  namesAfter({ subscribe, unsubscribe }: DeltaRequest): ReadonlySet<string> {
    return this.names.difference(new Set(unsubscribe)).union(new Set(subscribe));
  }

  #applyAck({ nonce, error }: DeltaRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (!this.deliveries.applyAck(nonce, error, now)) return 'stale';
    return error === undefined ? 'ack' : 'nack';
  }
}
