import type { Frame } from './frames.ts';
import { NamedSubscription } from './named-subscription.ts';
import { RepeatedRequests } from './repeated-requests.ts';
import type { SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat, isRepeatedError } from './sotw-names.ts';
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
  readonly #quietMs: number;
  readonly #names = createSotwNames();
  #started = false;
  #lastAcked: string | undefined;
  /** `undefined` while the client has answered each response. */
  #repeats: RepeatedRequests | undefined;

  constructor(context: TypeContext, first: SotwRequest) {
    super(context, first);
    this.#quietMs = context.ackTimeoutMs;
  }

  request(request: SotwRequest, now: number): RequestKind {
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    if (kind === 'stale') return kind;
    const change = this.#names.update(request.names);
    if (kind === 'subscribe' && isRepeatedError(request, change)) return 'stale';
    for (const name of change.removed) this.unsubscribe(name);
    for (const name of change.added) this.subscribe(name);
    if (change.wildcard === 'on') this.subscribeWildcard();
    if (change.wildcard === 'off') this.unsubscribeWildcard();
    // A repeated request that no response called for: another user of a name has appeared in the client and waits
    // for a reply. The request does not say which name.
    if (kind === 'subscribe' && isRepeat(change)) this.#repeat(now);
    if (this.deliveries.isSerial) this.#repeats ??= new RepeatedRequests(this.#quietMs, now);
    this.#repeats?.requested(now);
    this.#started = true;
    return kind;
  }

  override get hasPending(): boolean {
    return this.#repeats?.dueAt !== undefined || super.hasPending;
  }

  override get wakeAt(): number | undefined {
    const [at, other] = [this.#repeats?.dueAt, super.wakeAt];
    return at === undefined || other === undefined ? (at ?? other) : Math.min(at, other);
  }

  override take(set: ResourceSet | undefined, now: number): Frame | undefined {
    const at = this.#repeats?.dueAt;
    if (at !== undefined && now >= at) this.#replyAgain();
    return super.take(set, now);
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
    return nonce === this.#lastAcked ? 'subscribe' : 'stale';
  }

  #repeat(now: number): void {
    if (this.#repeats === undefined) this.#replyAgain();
    else this.#repeats.repeated(now);
  }

  /**
   * Schedules replies for all names, except those in flight: their responses will reach the client after its
   * request.
   */
  #replyAgain(): void {
    const { tracked } = this;
    this.#repeats?.replied();
    for (const name of tracked.keys()) {
      if (tracked.get(name)?.inFlight === undefined) tracked.requireReply(name);
    }
  }
}
