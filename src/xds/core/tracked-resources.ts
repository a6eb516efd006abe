import { SmallMap } from '../small/small-map.ts';
import type { Versioned } from './content-version.ts';
import type { Resource } from './resource.ts';

/**
 * Why a name is pending. `change`: its resource may have changed. `restore`: the client rejected the last
 * response. `reply`: the client subscribed to it, which requires a reply whatever the client has.
 */
type PendingReason = 'none' | 'change' | 'restore' | 'reply';

/** The state of one name on one stream. */
export interface TrackedResource {
  /** True if the client subscribed to the name explicitly, not by a wildcard. */
  isSubscribed: boolean;
  pending: PendingReason;
  /** The version that a delta client quoted, until it is compared. */
  quoted: string | undefined;
  /** The version that the client has if it accepts the response in flight. An empty version: unknown. */
  held: Versioned | undefined;
  /** The last resource that the client acknowledged. It is restored after a NACK. */
  accepted: Resource | undefined;
  /** True if the ACK of `accepted` does not prove that the resource is in force. */
  unconfirmed: boolean;
  /** Versions that the client rejected since it last accepted a new version; `undefined` for none. */
  rejected: readonly string[] | undefined;
  /** Nonce of the last response with this name, until its ACK or NACK. */
  inFlight: string | undefined;
  /** Time at which that response was sent, in ms. */
  sentAt: number;
}

/**
 * The names of one type on one stream: those that the client is subscribed to, and those whose state would be lost
 * otherwise. Pending names are checked when the next response is built.
 */
export interface TrackedResources extends Pick<
  SmallMap<string, TrackedResource>,
  'size' | 'onlyKey' | 'keys' | 'values' | 'entries' | 'has' | 'get' | 'delete'
> {
  /** The pending names, in the order in which they became pending. */
  readonly pending: PendingNames;
  /**
   * Schedules a reply to a subscription. No reply is sent if the client quotes the current version. Returns the state
   * of the name.
   */
  requireReply(name: string, quoted?: string): TrackedResource;
  /** Schedules a check of a name whose resource may have changed. */
  recheck(name: string): void;
  /** Schedules the restoration of the accepted version of a name. */
  restore(name: string): void;
  /** Ends the pending state of a name. */
  clearPending(name: string, tracked: TrackedResource): void;
}

/** The names whose next response is due. */
interface PendingNames {
  readonly size: number;
  /** The only name; `undefined` without a name, or with several. */
  readonly onlyKey: string | undefined;
  keys(): Iterable<string>;
}

/** Creates an empty table. */
export function createTrackedResources(): TrackedResources {
  return new TrackedResourceTable();
}

const rank: Readonly<Record<PendingReason, number>> = { none: 0, change: 1, restore: 2, reply: 3 };

// A class, because each stream has one. With closures, each stream would have its own copy of every function.
class TrackedResourceTable extends SmallMap<string, TrackedResource> implements TrackedResources {
  readonly pending = new SmallMap<string, true>();

  override delete(name: string): boolean {
    this.pending.delete(name);
    return super.delete(name);
  }

  requireReply(name: string, quoted?: string): TrackedResource {
    const tracked = this.#mark(name, 'reply');
    if (quoted === undefined) tracked.quoted = undefined;
    else noteQuoted(tracked, name, quoted);
    return tracked;
  }

  recheck(name: string): void {
    this.#mark(name, 'change');
  }

  restore(name: string): void {
    this.#mark(name, 'restore');
  }

  clearPending(name: string, tracked: TrackedResource): void {
    tracked.pending = 'none';
    tracked.quoted = undefined;
    this.pending.delete(name);
  }

  #mark(name: string, reason: PendingReason): TrackedResource {
    let tracked = this.get(name);
    if (tracked === undefined) this.set(name, (tracked = newTrackedResource()));
    if (rank[reason] > rank[tracked.pending]) tracked.pending = reason;
    this.pending.set(name, true);
    return tracked;
  }
}

function newTrackedResource(): TrackedResource {
  return {
    isSubscribed: false,
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

function noteQuoted(tracked: TrackedResource, name: string, version: string): void {
  tracked.quoted = version;
  tracked.held = { name, version };
}

/** Maximum number of rejected versions kept per name. A forgotten version is sent again once at most. */
const maxRejected = 16;

/** Records a version that the client rejected. If that is the accepted version, there is none to restore any more. */
export function noteRejected(tracked: TrackedResource, version: string): void {
  // Usually one, and a set of one takes five times as much memory.
  const { rejected = [] } = tracked;
  if (!rejected.includes(version)) tracked.rejected = [...rejected, version].slice(-maxRejected);
  if (tracked.accepted?.version === version) tracked.accepted = undefined;
}
