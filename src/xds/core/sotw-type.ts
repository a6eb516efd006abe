import { combinedVersion } from './content-version.ts';
import type { Versioned } from './content-version.ts';
import type { Delivery } from './deliveries.ts';
import type { Frame } from './frames.ts';
import { createNamedType } from './named-type.ts';
import type { NamedType } from './named-type.ts';
import type { SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import type { Change } from './snapshot-store.ts';
import { createSotwNames, isRepeat } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';

/**
 * One type on a SotW stream, for types whose responses may carry a part of what is subscribed to: a resource
 * that is left out is kept by the client.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export function createSotwType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  return new SotwType(context, first);
}

// A class, as the session is.
class SotwType implements TypeState<SotwRequest> {
  readonly #context: TypeContext;
  readonly #named: NamedType;
  readonly #names = createSotwNames();
  #started = false;
  #lastSettled: string | undefined;
  /** The version of the first request, until the set is there to compare it with. */
  #quoted: string | undefined;

  constructor(context: TypeContext, first: SotwRequest) {
    this.#context = context;
    this.#named = createNamedType('sotw', context, first.version !== '');
    this.#quoted = first.version === '' || this.#quotesSet ? undefined : first.version;
  }

  /** The version of the set is the same for a client that got only some of its names: it says nothing. */
  get #quotesSet(): boolean {
    return this.#context.options.sotwVersion === 'set';
  }

  get size(): number {
    return this.#named.names.size;
  }

  get wakeAt(): number | undefined {
    return this.#named.deliveries.wakeAt;
  }

  request(request: SotwRequest, now: number): RequestKind {
    const named = this.#named;
    const kind = this.#started ? this.#settle(request, now) : 'initial';
    if (kind === 'stale') return kind;
    const change = this.#names.update(request.names);
    for (const name of change.dropped) named.unsubscribe(name);
    for (const name of change.added) named.subscribe(name);
    if (change.wildcard === 'on') named.subscribeWildcard(true);
    if (change.wildcard === 'off') named.unsubscribeWildcard();
    // One request more for the same names, which no response called for: another user of a name has
    // appeared in the client, and waits for an answer. It does not say which.
    if (kind === 'subscribe' && isRepeat(change)) this.#askAgain();
    this.#started = true;
    return kind;
  }

  changed(change: Change, set: ResourceSet | undefined): void {
    this.#named.changed(change, set);
  }

  take(set: ResourceSet | undefined, now: number): Frame | undefined {
    const { typeUrl, frames } = this.#context;
    if (set !== undefined) {
      this.#named.expand(set);
      if (this.#quoted !== undefined) this.#compareQuote(set, this.#quoted, now);
      this.#quoted = undefined;
    }
    const next = this.#named.next(set, now);
    if (next === undefined) return undefined;
    const response = frames.get({
      typeUrl,
      version: set === undefined ? '' : this.#versionAfter(next, set),
      resources: next.flatMap(({ resource }) => resource ?? []),
      removed: [],
    });
    this.#named.sent(response.nonce, next, now);
    return response;
  }

  sizeAfter(request: SotwRequest): number {
    return new Set(request.names).size;
  }

  #settle({ nonce, error }: SotwRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (this.#named.deliveries.settle(nonce, error, now)) {
      this.#lastSettled = nonce;
      return error === undefined ? 'ack' : 'nack';
    }
    return nonce === this.#lastSettled && error === undefined ? 'subscribe' : 'stale';
  }

  /** What is in flight will reach the client after it asked, and needs no second sending. */
  #askAgain(): void {
    const { deliveries } = this.#named;
    for (const name of deliveries.names) if (!deliveries.inFlight(name)) deliveries.ask(name);
  }

  /**
   * The quoted version stands for all names at once: only a client that holds all of them is sent nothing. It
   * may have refused one of several responses under way, and acknowledged a later one with the version of the
   * whole; what it is known to have refused is therefore sent.
   */
  #compareQuote(set: ResourceSet, quoted: string, now: number): void {
    const { deliveries } = this.#named;
    const targets = [...deliveries.names].flatMap((name) => this.#named.target(set, name) ?? []);
    if (quoted !== combinedVersion(targets)) return;
    this.#named.waiveAnswer();
    const { memory, refuser, typeUrl } = this.#context;
    for (const { name, version } of targets) {
      if (!memory.has(refuser, { typeUrl, name, version }, now)) deliveries.quote(name, version);
    }
  }

  /**
   * Names and versions as the client holds them once it has accepted the response: so what it quotes later
   * says what it really has, although its names came one by one.
   */
  #versionAfter(next: readonly Delivery[], set: ResourceSet): string {
    if (this.#quotesSet) return this.#named.versionOf(next, set);
    const holds: Versioned[] = next.flatMap(({ resource }) => resource ?? []);
    const sent = new Set(holds.map(({ name }) => name));
    for (const held of this.#named.deliveries.held()) {
      if (!sent.has(held.name) && this.#named.target(set, held.name) !== undefined) holds.push(held);
    }
    return combinedVersion(holds);
  }
}
