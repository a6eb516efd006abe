import { createDeliveries } from './deliveries.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { Protocol } from './request.ts';
import { lookup, wildcardNames } from './resource.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { Change } from './snapshot-store.ts';
import type { TypeContext } from './type-state.ts';
import { typeUrls } from './type-urls.ts';
import { covers, wildcardTarget } from './wildcard.ts';

/** What delta, and SotW of types that are sent name by name, have in common. */
export interface NamedType {
  readonly deliveries: Deliveries;
  /** The names subscribed to one by one. */
  readonly names: ReadonlySet<string>;
  subscribe(name: string, quoted?: string): void;
  unsubscribe(name: string): void;
  /** (Re)subscribes to everything; `owesAnswer`: an empty set is answered with an empty response. */
  subscribeWildcard(owesAnswer: boolean): void;
  unsubscribeWildcard(): void;
  changed(change: Change, set: ResourceSet | undefined): void;
  target(set: ResourceSet, name: string): Resource | undefined;
  /** Asks for the names of a wildcard that was subscribed to before the set was there. */
  expand(set: ResourceSet): void;
  /** Nothing is owed for the wildcard: the client quoted what it would get. */
  waiveAnswer(): void;
  /** The next deliveries, or an empty list for an empty response, or undefined for none. */
  next(set: ResourceSet | undefined, now: number): readonly Delivery[] | undefined;
  sent(nonce: string, deliveries: readonly Delivery[], now: number): void;
}

/** Makes the state of one type on one stream, with nothing subscribed to. */
export function createNamedType(
  protocol: Protocol,
  context: TypeContext,
  quotesVersions: boolean,
): NamedType {
  const { typeUrl, options, ackTimeoutMs, refusals, observe } = context;
  const names = new Set<string>();
  const deliveries = createDeliveries({
    protocol,
    typeUrl,
    singly: options.oneResourcePerResponse ?? typeUrl === typeUrls.secret,
    ackTimeoutMs,
    refusals,
    keeps: (name) => names.has(name),
    target: (set, name) => target(set, name),
    observe,
  });
  let all = false;
  // The set may not be there yet when the wildcard is asked for, so its names are looked up when it is.
  let unexpanded = false;
  let owesWildcardAnswer = false;
  let owesUnsetAnswer = options.unset === 'empty' && !quotesVersions;

  const target = (set: ResourceSet, name: string): Resource | undefined =>
    names.has(name) ? lookup(set, name) : wildcardTarget(set, name);

  return {
    deliveries,
    names,
    subscribe(name, quoted) {
      names.add(name);
      deliveries.ask(name, quoted);
    },
    unsubscribe(name) {
      if (!names.delete(name)) return;
      // A client that still has the wildcard cannot know whether that covers the name: it must be told.
      if (all) deliveries.ask(name);
      else deliveries.drop(name);
    },
    subscribeWildcard(owesAnswer) {
      all = true;
      unexpanded = true;
      owesWildcardAnswer = owesAnswer;
    },
    unsubscribeWildcard() {
      all = false;
      unexpanded = false;
      owesWildcardAnswer = false;
      for (const name of deliveries.names) if (!names.has(name)) deliveries.drop(name);
    },
    changed(change, set) {
      const names = change.names;
      if (names === 'all' || names.size > deliveries.size) {
        for (const name of deliveries.names) if (names === 'all' || names.has(name)) deliveries.touch(name);
      } else {
        for (const name of names) if (deliveries.has(name)) deliveries.touch(name);
      }
      if (!all || set === undefined) return;
      for (const name of names === 'all' ? wildcardNames(set) : names) {
        if (!covers(set, name)) continue;
        const isNew = !deliveries.has(name);
        deliveries.touch(name);
        // A SotW client does not say which names its version stands for: it may have had this one.
        if (isNew && quotesVersions && protocol === 'sotw') deliveries.quote(name, '');
      }
    },
    target,
    expand(set) {
      if (!unexpanded) return;
      unexpanded = false;
      for (const name of wildcardNames(set)) {
        // One that is owed an answer already may carry the version that the client quoted.
        if (!names.has(name) && !deliveries.owed(name)) deliveries.ask(name);
      }
    },
    waiveAnswer() {
      owesWildcardAnswer = false;
    },
    next(set, now) {
      if (set === undefined) return owesUnsetAnswer ? [] : undefined;
      const next = deliveries.next(set, now);
      return next ?? (owesWildcardAnswer ? [] : undefined);
    },
    sent(nonce, sent, now) {
      owesUnsetAnswer = false;
      owesWildcardAnswer = false;
      deliveries.sent(nonce, sent, now);
    },
  };
}
