import { microTime } from './lease.ts';
import type { Lease, LeaseSpec } from './lease.ts';

/** Times in milliseconds, with the meaning and the defaults of client-go's leader election. */
export interface ElectionTimes {
  /** Time without a renewal after which another replica may acquire the Lease. */
  readonly leaseMs: number;
  /** Time without a renewal after which the holder stops acting. Shorter than `leaseMs`, so two never act at once. */
  readonly renewMs: number;
  /** Pause between two attempts to acquire or to renew the Lease. */
  readonly retryMs: number;
}

export const electionTimes: ElectionTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/** The view of the Lease that one replica has. Times are monotonic milliseconds of its own clock. */
export interface ElectionState {
  readonly identity: string;
  /** The Lease at the last read or write. `since`: the time of the holder's last renewal, as far as it is known. */
  readonly seen: { readonly lease: Lease; readonly since: number } | undefined;
  /** Time of the last read of the Lease. */
  readonly readAt: number | undefined;
  /** Time until which this replica may act as the leader; `undefined` if it does not hold the Lease. */
  readonly until: number | undefined;
  /** True if `seen` was read in this attempt, so that a write refers to the newest version. */
  readonly fresh: boolean;
}

/** An input of the election. */
export type ElectionInput =
  /** The next attempt is due. */
  | { readonly kind: 'due' }
  /** The Lease was read; `undefined` if it does not exist. */
  | { readonly kind: 'read'; readonly lease: Lease | undefined }
  /** The API server accepted a write of this replica, which was sent at `askedAt`. */
  | { readonly kind: 'written'; readonly lease: Lease; readonly askedAt: number }
  /** The API server rejected a write, because another client changed or deleted the Lease before. */
  | { readonly kind: 'refused' }
  /** There was no response, or none that contains the state of the Lease. */
  | { readonly kind: 'failed' };

/** The next action of the election. */
export type ElectionRequest =
  | { readonly kind: 'read' }
  | { readonly kind: 'create'; readonly spec: LeaseSpec }
  /** Applies to this version of the Lease only. */
  | { readonly kind: 'patch'; readonly resourceVersion: string; readonly spec: LeaseSpec }
  /** The attempt has ended. The next one is due after this time. */
  | { readonly kind: 'wait'; readonly milliseconds: number };

export interface ElectionStep {
  readonly state: ElectionState;
  readonly request: ElectionRequest;
}

/** The current time: `now` in monotonic milliseconds, `wall` in epoch milliseconds. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

export function initialElection(identity: string): ElectionState {
  return { identity, seen: undefined, readAt: undefined, until: undefined, fresh: false };
}

/** Returns true if this replica may act as the leader now. */
export function isLeading({ until }: ElectionState, now: number): boolean {
  return until !== undefined && now < until;
}

/**
 * Returns the next state and the next action after an input. The rules are those of client-go's leader election.
 * The holder renews the Lease. A replica that has seen no renewal for `leaseMs` acquires it. If two replicas try, the
 * resource version of the Lease decides. Clocks of different machines are never compared: each replica measures with
 * its own clock how long the Lease has not changed.
 */
export function stepElection(
  state: ElectionState,
  input: ElectionInput,
  moment: Moment,
  times: ElectionTimes,
): ElectionStep {
  const { now } = moment;
  const wait = (next: ElectionState): ElectionStep => ({
    state: { ...next, fresh: false },
    request: { kind: 'wait', milliseconds: waitOf(next, now, times) },
  });
  switch (input.kind) {
    case 'due':
      return isLeading(state, now) && state.seen?.lease.holder === state.identity
        ? { state, request: acquire(state, state.seen.lease, moment, times) }
        : { state, request: { kind: 'read' } };
    case 'read': {
      const { lease } = input;
      if (lease === undefined) {
        // The Lease was deleted. Its holder leads until it notices the deletion, and then creates the Lease again.
        if (isHeldByOther(state, now, times)) return wait({ ...state, readAt: now });
        const request = { kind: 'create', spec: specOf(state, undefined, moment, times) } as const;
        return { state: { ...state, seen: undefined, readAt: now, fresh: true }, request };
      }
      const isSame = state.seen !== undefined && isSameRenewal(state.seen.lease, lease);
      const since = isSame ? state.seen.since : renewedAt(state, now, times);
      const isOurs = lease.holder === state.identity;
      const seen = { lease, since };
      const next = { ...state, seen, readAt: now, fresh: true, until: isOurs ? state.until : undefined };
      const isFree = lease.holder === '' || now - since >= times.leaseMs;
      return isOurs || isFree ? { state: next, request: acquire(next, lease, moment, times) } : wait(next);
    }
    case 'written':
      return wait({
        ...state,
        seen: { lease: input.lease, since: now },
        until: input.askedAt + times.renewMs,
      });
    case 'refused':
      // Another client may only have annotated the Lease: read it, once per attempt.
      return state.fresh ? wait(state) : { state, request: { kind: 'read' } };
    case 'failed':
      // If the write succeeded nevertheless, the next one is rejected for its version, and the Lease is read.
      return wait(state);
  }
}

/** Returns the request that releases the Lease, so that another replica can acquire it without waiting. */
export function releaseElection(
  { seen, identity }: ElectionState,
  { wall }: Moment,
): Extract<ElectionRequest, { kind: 'patch' }> | undefined {
  if (seen === undefined || seen.lease.holder !== identity) return undefined;
  const { acquireTime, transitions, resourceVersion } = seen.lease;
  const spec: LeaseSpec = {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime,
    renewTime: microTime(wall),
    leaseTransitions: transitions,
  };
  return { kind: 'patch', resourceVersion, spec };
}

function acquire(state: ElectionState, lease: Lease, moment: Moment, times: ElectionTimes): ElectionRequest {
  const spec = specOf(state, lease, moment, times);
  return { kind: 'patch', resourceVersion: lease.resourceVersion, spec };
}

function specOf(
  { identity }: ElectionState,
  lease: Lease | undefined,
  { wall }: Moment,
  { leaseMs }: ElectionTimes,
): LeaseSpec {
  const isRenewed = lease?.holder === identity;
  const time = microTime(wall);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
    acquireTime: isRenewed ? lease.acquireTime : time,
    renewTime: time,
    leaseTransitions: lease === undefined ? 0 : lease.transitions + (isRenewed ? 0 : 1),
  };
}

/**
 * Returns the earliest time of a renewal that this read shows: the time of the previous read. Counting from there
 * makes a takeover faster by the time between two reads. It is safe: the holder stops acting `renewMs` after a
 * renewal by its own clock, two reads before another replica may acquire the Lease. If the previous read is more than
 * 1.5 retry periods ago, only these count, because nothing is known about a longer time.
 */
function renewedAt({ readAt = Infinity }: ElectionState, now: number, { retryMs }: ElectionTimes): number {
  return Math.min(now, Math.max(readAt, now - 1.5 * retryMs));
}

/** Returns true if another replica held the Lease when it was seen last, and may still lead. */
function isHeldByOther({ seen, identity }: ElectionState, now: number, { leaseMs }: ElectionTimes): boolean {
  return (
    seen !== undefined &&
    seen.lease.holder !== '' &&
    seen.lease.holder !== identity &&
    now - seen.since < leaseMs
  );
}

/** Returns the time until the next attempt. It ends at the latest when another replica's Lease expires. */
function waitOf({ seen, identity }: ElectionState, now: number, { leaseMs, retryMs }: ElectionTimes): number {
  if (seen === undefined || seen.lease.holder === identity) return retryMs;
  const left = seen.since + leaseMs - now;
  return left > 0 ? Math.min(retryMs, left) : retryMs;
}

/** Returns true if two states of a Lease show the same renewal. Other clients may annotate it without renewing it. */
function isSameRenewal(a: Lease, b: Lease): boolean {
  return (
    a.holder === b.holder &&
    a.renewTime === b.renewTime &&
    a.acquireTime === b.acquireTime &&
    a.transitions === b.transitions
  );
}
