import type { Item } from './item.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';

/** What to do for a name that is due. */
export type Choice =
  | { readonly kind: 'nothing' }
  /** The client quoted what it would get. */
  | { readonly kind: 'held'; readonly resource: Resource }
  | { readonly kind: 'send'; readonly resource: Resource }
  | { readonly kind: 'remove' };

const nothing: Choice = { kind: 'nothing' };

/**
 * Decides what a client gets for a name, given what the name stands for now. Every rule of what is sent, sent
 * again and withheld is here. Only what this stream refused is ever withheld from it: refusals on other
 * streams, whoever they claim to come from, play no part.
 */
export function choose(item: Item, target: Resource | undefined, protocol: Protocol): Choice {
  const asked = item.due === 'answer';
  if (target === undefined) {
    // SotW cannot say that a resource does not exist, except by leaving it out of a full state.
    const tell = protocol === 'delta' && (asked || item.held !== undefined);
    return tell ? { kind: 'remove' } : nothing;
  }
  // https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds: initial versions.
  if (asked && item.quoted === target.version) return { kind: 'held', resource: target };
  if (item.refused?.has(target.version) === true) return instead(item, protocol);
  if (item.due === 'change' && item.held?.version === target.version) return nothing;
  return { kind: 'send', resource: target };
}

/** What stands in for bytes that are withheld. */
function instead(item: Item, protocol: Protocol): Choice {
  switch (item.due) {
    case 'nothing':
    case 'change':
      return nothing;
    case 'restore':
    case 'answer':
      if (item.accepted !== undefined) return { kind: 'send', resource: item.accepted };
      // Told that the name does not exist, an Envoy starts, and fails closed; unanswered it waits 15 s. One
      // that holds something keeps it.
      return item.due === 'answer' && item.quoted === undefined && protocol === 'delta'
        ? { kind: 'remove' }
        : nothing;
  }
}
