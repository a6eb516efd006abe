import { NamedSubscription } from './named-subscription.ts';
import type { SotwRequest } from './request.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';

/**
 * One type on a SotW stream, for types whose responses may omit subscribed resources: the client keeps the
 * omitted ones.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export function createSotwType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  return new SotwType(context, first);
}

// A class, because each stream has one.
class SotwType extends NamedSubscription implements TypeState<SotwRequest> {
  readonly #names = createSotwNames();
  #started = false;
  #lastAcked: string | undefined;

  request(request: SotwRequest, now: number): RequestKind {
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    if (kind === 'stale') return kind;
    const change = this.#names.update(request.names);
    for (const name of change.removed) this.unsubscribe(name);
    for (const name of change.added) this.subscribe(name);
    if (change.wildcard === 'on') this.subscribeWildcard();
    if (change.wildcard === 'off') this.unsubscribeWildcard();
    // A repeated request that no response called for: another user of a name has appeared in the client and waits
    // for a reply. The request does not say which name.
    if (kind === 'subscribe' && isRepeat(change)) this.#replyAgain();
    this.#started = true;
    return kind;
  }

  namesAfter(request: SotwRequest): ReadonlySet<string> {
    return new Set(request.names);
  }

  #applyAck({ nonce, error }: SotwRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (this.deliveries.applyAck(nonce, error, now)) {
      this.#lastAcked = nonce;
      return error === undefined ? 'ack' : 'nack';
    }
    return nonce === this.#lastAcked && error === undefined ? 'subscribe' : 'stale';
  }

  /**
   * Schedules replies for all names, except those in flight: their responses will reach the client after its
   * request.
   */
  #replyAgain(): void {
    const { tracked } = this;
    for (const name of tracked.keys()) {
      if (tracked.get(name)?.inFlight === undefined) tracked.requireReply(name);
    }
  }
}
