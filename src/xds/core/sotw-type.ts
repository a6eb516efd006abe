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
 * The state of one type on a SotW stream, for types whose responses may omit subscribed resources: the client
 * keeps the omitted ones.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export function createSotwType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  return new SotwType(context, first);
}

// A class, because each stream has one.
class SotwType implements TypeState<SotwRequest> {
  readonly #context: TypeContext;
  readonly #named: NamedType;
  readonly #names = createSotwNames();
  #started = false;
  #lastSettled: string | undefined;
  /** The version that the first request quoted, until the set exists and it can be compared. */
  #quoted: string | undefined;

  constructor(context: TypeContext, first: SotwRequest) {
    this.#context = context;
    this.#named = createNamedType('sotw', context, first.version !== '');
    this.#quoted = first.version === '' || this.#usesSetVersion ? undefined : first.version;
  }

  /** A client that got only some of the names has the same set version, so a quote of it proves nothing. */
  get #usesSetVersion(): boolean {
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
    const kind = this.#started ? this.#applyAck(request, now) : 'initial';
    if (kind === 'stale') return kind;
    const change = this.#names.update(request.names);
    for (const name of change.removed) named.unsubscribe(name);
    for (const name of change.added) named.subscribe(name);
    if (change.wildcard === 'on') named.subscribeWildcard(true);
    if (change.wildcard === 'off') named.unsubscribeWildcard();
    // A repeated request that no response called for: another user of a name has appeared in the client and waits
    // for a reply. The request does not say which name.
    if (kind === 'subscribe' && isRepeat(change)) this.#replyAgain();
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
      if (this.#quoted !== undefined) this.#compareQuotedVersion(set, this.#quoted, now);
      this.#quoted = undefined;
    }
    const next = this.#named.next(set, now);
    if (next === undefined) return undefined;
    const response = frames.get({
      typeUrl,
      version: set === undefined ? '' : this.#versionHeldAfter(next, set),
      resources: next.flatMap(({ resource }) => resource ?? []),
      removed: [],
    });
    this.#named.sent(response.nonce, next, now);
    return response;
  }

  sizeAfter(request: SotwRequest): number {
    return new Set(request.names).size;
  }

  #applyAck({ nonce, error }: SotwRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (this.#named.deliveries.applyAck(nonce, error, now)) {
      this.#lastSettled = nonce;
      return error === undefined ? 'ack' : 'nack';
    }
    return nonce === this.#lastSettled && error === undefined ? 'subscribe' : 'stale';
  }

  /**
   * Schedules replies for all names, except those in flight: their responses will reach the client after its
   * request.
   */
  #replyAgain(): void {
    const { deliveries } = this.#named;
    for (const name of deliveries.names) if (!deliveries.inFlight(name)) deliveries.requireReply(name);
  }

  /**
   * Compares the quoted version with that of all names together: only a client that has all of them is sent
   * nothing. The client may have rejected one of several responses in flight, and then acknowledged a later one
   * with the version of the whole. So the versions that it is known to have rejected are sent.
   */
  #compareQuotedVersion(set: ResourceSet, quoted: string, now: number): void {
    const { deliveries } = this.#named;
    const targets = [...deliveries.names].flatMap((name) => this.#named.target(set, name) ?? []);
    if (quoted !== combinedVersion(targets)) return;
    this.#named.waiveWildcardReply();
    const { memory, client, typeUrl } = this.#context;
    for (const { name, version } of targets) {
      if (!memory.has(client, { typeUrl, name, version }, now)) deliveries.quote(name, version);
    }
  }

  /**
   * Returns the hash of the names and versions that the client has once it accepts the response. So the version
   * that it quotes later is true, although its names came one by one.
   */
  #versionHeldAfter(next: readonly Delivery[], set: ResourceSet): string {
    if (this.#usesSetVersion) return this.#named.versionOf(next, set);
    const holds: Versioned[] = next.flatMap(({ resource }) => resource ?? []);
    const sent = new Set(holds.map(({ name }) => name));
    for (const held of this.#named.deliveries.held()) {
      if (!sent.has(held.name) && this.#named.target(set, held.name) !== undefined) holds.push(held);
    }
    return combinedVersion(holds);
  }
}
