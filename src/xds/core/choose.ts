import type { Versioned } from './content-version.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';
import type { Verdict } from './refusals.ts';

/**
 * Why a name is looked at: `change`: what it stands for may be another now; `restore`: its last response was
 * refused; `answer`: the client asked for it, which is answered whatever it holds.
 */
export type Due = 'nothing' | 'change' | 'restore' | 'answer';

/** What one stream knows of one name. */
export interface Item {
  due: Due;
  /** The version that the client said it holds, until that is compared; empty: some version, unknown which. */
  quoted: string | undefined;
  /** The client quoted no version and was sent none: it has nothing that a bad push could mask. */
  fresh: boolean;
  /** What the client holds if it accepts what is in flight; an empty version: something, unknown what. */
  held: Versioned | undefined;
  /** The last resource that it acknowledged, to go back to. */
  accepted: Resource | undefined;
  /** Nonce of the last response with this name, while unanswered. */
  inFlight: string | undefined;
  /** When that went out, in ms. */
  sentAt: number;
}

/** What to do for a name that is due. */
export type Choice =
  | { readonly kind: 'nothing' }
  /** The client quoted what it would get. */
  | { readonly kind: 'held'; readonly resource: Resource }
  | { readonly kind: 'send'; readonly resource: Resource }
  | { readonly kind: 'remove' };

const nothing: Choice = { kind: 'nothing' };

/**
 * Decides what a client gets for a name, given what the name stands for now and what is known of its node
 * and those bytes. Every rule of what is sent, sent again and withheld is here.
 */
export function choose(
  item: Item,
  target: Resource | undefined,
  verdict: Verdict,
  protocol: Protocol,
): Choice {
  const asked = item.due === 'answer';
  if (target === undefined) {
    // SotW cannot say that a resource does not exist, except by leaving it out of a full state.
    const tell = protocol === 'delta' && (asked || item.held !== undefined);
    return tell ? { kind: 'remove' } : nothing;
  }
  // https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds: initial versions.
  if (asked && item.quoted === target.version) return { kind: 'held', resource: target };
  switch (verdict) {
    case 'clear':
      if (item.due === 'change' && item.held?.version === target.version) return nothing;
      return { kind: 'send', resource: target };
    case 'remembered':
      return item.fresh ? { kind: 'send', resource: target } : instead(item, protocol);
    case 'tolerated':
      // Acknowledged on this stream, if without proof: a client that subscribes anew must not be left waiting.
      return asked ? { kind: 'send', resource: target } : instead(item, protocol);
    case 'refused':
    case 'tried':
      return instead(item, protocol);
  }
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
