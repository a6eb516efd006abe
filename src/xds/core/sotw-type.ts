import { combinedVersion } from './content-version.ts';
import type { Versioned } from './content-version.ts';
import type { Delivery } from './deliveries.ts';
import { createNamedType } from './named-type.ts';
import type { SotwRequest } from './request.ts';
import type { ResourceSet } from './resource.ts';
import type { RequestKind } from './session-event.ts';
import { createSotwNames, isRepeat } from './sotw-names.ts';
import type { TypeContext, TypeState } from './type-state.ts';

/**
 * One type on a SotW stream, for types whose responses may carry a part of what is subscribed to: a resource
 * that is left out is kept by the client.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export function createSotwType(context: TypeContext, first: SotwRequest): TypeState<SotwRequest> {
  const named = createNamedType('sotw', context, first.version !== '');
  const { deliveries } = named;
  const names = createSotwNames();
  let started = false;
  let lastSettled: string | undefined;
  /** The version of the first request, until the set is there to compare it with. */
  let quoted = first.version === '' ? undefined : first.version;

  return {
    request(request, now) {
      const kind = started ? settle(request, now) : 'initial';
      if (kind === 'stale') return kind;
      const change = names.update(request.names);
      for (const name of change.dropped) named.unsubscribe(name);
      for (const name of change.added) named.subscribe(name);
      if (change.wildcard === 'on') named.subscribeWildcard(true);
      if (change.wildcard === 'off') named.unsubscribeWildcard();
      // One request more for the same names, which no response called for: another user of a name has
      // appeared in the client, and waits for an answer. It does not say which.
      if (kind === 'subscribe' && isRepeat(change)) askAgain();
      started = true;
      return kind;
    },
    changed: (change, set) => named.changed(change, set),
    take(set, now) {
      if (set !== undefined) {
        named.expand(set);
        if (quoted !== undefined) compareQuote(set, quoted, now);
        quoted = undefined;
      }
      const next = named.next(set, now);
      if (next === undefined) return undefined;
      const response = context.frame({
        typeUrl: context.typeUrl,
        version: set === undefined ? '' : versionAfter(next, set),
        resources: next.flatMap(({ resource }) => resource ?? []),
        removed: [],
      });
      named.sent(response.nonce, next, now);
      return response;
    },
    get size() {
      return named.names.size;
    },
    sizeAfter: (request) => new Set(request.names).size,
    get wakeAt() {
      return deliveries.wakeAt;
    },
  };

  function settle({ nonce, error }: SotwRequest, now: number): RequestKind {
    if (nonce === '') return 'subscribe';
    if (deliveries.settle(nonce, error, now)) {
      lastSettled = nonce;
      return error === undefined ? 'ack' : 'nack';
    }
    return nonce === lastSettled && error === undefined ? 'subscribe' : 'stale';
  }

  /** What is in flight will reach the client after it asked, and needs no second sending. */
  function askAgain(): void {
    for (const name of deliveries.names) if (!deliveries.inFlight(name)) deliveries.ask(name);
  }

  /**
   * The quoted version stands for all names at once: either the client holds what it would get, or it holds
   * something, unknown which. What its node refused it would not get.
   */
  function compareQuote(set: ResourceSet, version: string, now: number): void {
    const targets = [...deliveries.names].flatMap((name) => named.target(set, name) ?? []);
    const allowed = targets.filter((target) => !isRefused(target.name, target.version, now));
    const isCurrent = version === combinedVersion(targets) || version === combinedVersion(allowed);
    for (const name of deliveries.names) deliveries.quote(name, '');
    if (!isCurrent) return;
    named.waiveAnswer();
    const held = version === combinedVersion(targets) ? targets : allowed;
    for (const target of held) deliveries.quote(target.name, target.version);
  }

  function isRefused(name: string, version: string, now: number): boolean {
    return context.refusals.verdict(context.typeUrl, name, version, now) !== 'clear';
  }

  /**
   * Names and versions as the client holds them once it has accepted the response: so what it quotes later
   * says what it really has, although its names came one by one.
   */
  function versionAfter(next: readonly Delivery[], set: ResourceSet): string {
    const holds: Versioned[] = next.flatMap(({ resource }) => resource ?? []);
    const sent = new Set(holds.map(({ name }) => name));
    for (const held of deliveries.held()) {
      if (!sent.has(held.name) && named.target(set, held.name) !== undefined) holds.push(held);
    }
    return combinedVersion(holds);
  }
}
