import type { Frame } from './frames.ts';
import { NamedSubscription } from './named-subscription.ts';
import type { SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
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

/** Equal requests are waited for until none comes for the ACK timeout, and for this multiple of it at most. */
const longestQuiet = 3;

// A class, because each stream has one.
class SotwType extends NamedSubscription implements TypeState<SotwRequest> {
  readonly #quietMs: number;
  readonly #names = createSotwNames();
  #started = false;
  #lastAcked: string | undefined;
  /** The time at which replies for all names become due, and the latest such time, in ms. */
  #repeatAt: number | undefined;
  #repeatBy: number | undefined;
  #lastRequestAt = 0;

  constructor(context: TypeContext, first: SotwRequest) {
    super(context, first);
    this.#quietMs = context.ackTimeoutMs;
  }

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
    if (kind === 'subscribe' && isRepeat(change)) this.#repeat(now);
    this.#lastRequestAt = now;
    this.#started = true;
    return kind;
  }

  override get hasPending(): boolean {
    return this.#repeatAt !== undefined || super.hasPending;
  }

  override get wakeAt(): number | undefined {
    const [at, other] = [this.#repeatAt, super.wakeAt];
    return at === undefined || other === undefined ? (at ?? other) : Math.min(at, other);
  }

  override take(set: ResourceSet | undefined, now: number): Frame | undefined {
    if (this.#repeatAt !== undefined && now >= this.#repeatAt) this.#replyAgain();
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
    return nonce === this.#lastAcked && error === undefined ? 'subscribe' : 'stale';
  }

  /**
   * Replies again. If the client's rate of requests is limited, it has many equal requests, one for each response and
   * each user of a name, and sends them one by one. They get one reply together, once no more come: otherwise each
   * would have replies for all names, which cause further requests. A request after some quiet is not one of them, and
   * a listener of the client may wait for its reply.
   */
  #repeat(now: number): void {
    const isQuiet = now - this.#lastRequestAt >= this.#quietMs;
    if (!this.deliveries.isSerial || isQuiet) return this.#replyAgain();
    this.#repeatBy ??= now + longestQuiet * this.#quietMs;
    this.#repeatAt = Math.min(this.#repeatBy, now + this.#quietMs);
  }

  /**
   * Schedules replies for all names, except those in flight: their responses will reach the client after its
   * request.
   */
  #replyAgain(): void {
    const { tracked } = this;
    this.#repeatAt = this.#repeatBy = undefined;
    for (const name of tracked.keys()) {
      if (tracked.get(name)?.inFlight === undefined) tracked.requireReply(name);
    }
  }
}
