import type { TrackedResource } from './tracked-resources.ts';
import type { Protocol } from './request.ts';
import type { Resource } from './resource.ts';

/** The decision about what to send for a pending name. */
export type Decision =
  | { readonly kind: 'nothing' }
  /** The client quoted the current version. */
  | { readonly kind: 'already-held'; readonly resource: Resource }
  | { readonly kind: 'send'; readonly resource: Resource }
  | { readonly kind: 'remove' };

const nothing: Decision = { kind: 'nothing' };

/**
 * Decides what to send for a name, given its current resource. All rules about sending, sending again and
 * withholding are here. A version is withheld only if the client rejected it on this stream. NACKs on other
 * streams play no part, whichever client they claim to come from.
 */
export function decide(tracked: TrackedResource, target: Resource | undefined, protocol: Protocol): Decision {
  const mustReply = tracked.pending === 'reply';
  if (target === undefined) {
    // SotW can report that a resource does not exist only by omitting it from a full state.
    const remove = protocol === 'delta' && (mustReply || tracked.held !== undefined);
    return remove ? { kind: 'remove' } : nothing;
  }
  // https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds: initial versions.
  if (mustReply && tracked.quoted === target.version) return { kind: 'already-held', resource: target };
  if (tracked.rejected?.includes(target.version) === true) return alternative(tracked, protocol);
  if (tracked.pending === 'change' && tracked.held?.version === target.version) return nothing;
  return { kind: 'send', resource: target };
}

/** Decides what to send instead of a version that the client rejected. */
function alternative(tracked: TrackedResource, protocol: Protocol): Decision {
  switch (tracked.pending) {
    case 'none':
    case 'change':
      return nothing;
    case 'restore':
    case 'reply':
      if (tracked.accepted !== undefined) return { kind: 'send', resource: tracked.accepted };
      // If the reply says that the resource does not exist, Envoy starts, and fails closed. Without a reply it waits
      // 15 s. A client that has some version keeps it.
      return tracked.pending === 'reply' && tracked.quoted === undefined && protocol === 'delta'
        ? { kind: 'remove' }
        : nothing;
  }
}
