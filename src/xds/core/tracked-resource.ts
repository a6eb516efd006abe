import type { Versioned } from './content-version.ts';
import type { Resource } from './resource.ts';

/**
 * Why a name is pending. `change`: its resource may have changed. `restore`: the client rejected the last
 * response. `reply`: the client subscribed to it, which requires a reply whatever the client has.
 */
export type PendingReason = 'none' | 'change' | 'restore' | 'reply';

/** The state of one name on one stream. */
export interface TrackedResource {
  pending: PendingReason;
  /** The version that the client quoted, until it is compared. */
  quoted: string | undefined;
  /** The version that the client has if it accepts the response in flight. An empty version: unknown. */
  held: Versioned | undefined;
  /** The last resource that the client acknowledged. It is restored after a NACK. */
  accepted: Resource | undefined;
  /** True if the ACK of `accepted` does not prove that the resource is in force. */
  unconfirmed: boolean;
  /** Versions that the client rejected since it last accepted a new version; `undefined` for none. */
  rejected: Set<string> | undefined;
  /** Nonce of the last response with this name, until its ACK or NACK. */
  inFlight: string | undefined;
  /** Time at which that response was sent, in ms. */
  sentAt: number;
}

/** Creates the state of a new name. */
export function newTrackedResource(): TrackedResource {
  return {
    pending: 'none',
    quoted: undefined,
    held: undefined,
    accepted: undefined,
    unconfirmed: false,
    rejected: undefined,
    inFlight: undefined,
    sentAt: 0,
  };
}

/** Records a version that the client quoted. */
export function noteQuoted(tracked: TrackedResource, name: string, version: string): void {
  tracked.quoted = version;
  tracked.held = { name, version };
}

/** Maximum number of rejected versions kept per name. A forgotten version is sent once more at most. */
const maxRejected = 16;

/** Records a version that the client rejected. If that is the accepted version, there is none to restore any more. */
export function noteRejected(tracked: TrackedResource, version: string): void {
  tracked.rejected ??= new Set();
  tracked.rejected.add(version);
  if (tracked.rejected.size > maxRejected)
    tracked.rejected.delete(tracked.rejected.values().next().value ?? '');
  if (tracked.accepted?.version === version) tracked.accepted = undefined;
}
