import { microTime } from './lease.ts';
import type { Lease, LeaseSpec } from './lease.ts';

/** Milliseconds, with the meaning and the defaults of client-go. */
export interface ElectionTimes {
  /** Who wants the Lease waits so long for a sign of its holder. */
  readonly leaseMs: number;
  /** A holder that could not renew it for so long stops to act: sooner than others take it. */
  readonly renewMs: number;
  /** Between two attempts, to get it or to renew it. */
  readonly retryMs: number;
}

export const electionTimes: ElectionTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/** What one replica knows of the Lease. Times are monotonic milliseconds of its own clock. */
export interface ElectionState {
  readonly identity: string;
  /** The Lease as it was seen last, and since when its holder has given no other sign. */
  readonly seen: { readonly lease: Lease; readonly since: number } | undefined;
  /** When the Lease was read before, whatever it said; undefined: never. */
  readonly lookedAt: number | undefined;
  /** Until when this replica may act; undefined: it does not hold the Lease. */
  readonly until: number | undefined;
  /** Whether `seen` was read in this attempt, so that what is written refers to the newest version. */
  readonly fresh: boolean;
}

export type ElectionInput =
  /** It is time for an attempt. */
  | { readonly kind: 'due' }
  /** What the Lease says; undefined: there is none. */
  | { readonly kind: 'read'; readonly lease: Lease | undefined }
  /** What this replica wrote was taken; `askedAt` is when it was sent. */
  | { readonly kind: 'written'; readonly lease: Lease; readonly askedAt: number }
  /** Somebody else wrote before, or removed it. */
  | { readonly kind: 'refused' }
  /** There was no answer, or none that says what the Lease is. */
  | { readonly kind: 'failed' };

export type ElectionRequest =
  | { readonly kind: 'read' }
  | { readonly kind: 'create'; readonly spec: LeaseSpec }
  /** Applies only to this version. */
  | { readonly kind: 'patch'; readonly resourceVersion: string; readonly spec: LeaseSpec }
  /** The attempt is over; the next is due in so many milliseconds. */
  | { readonly kind: 'wait'; readonly milliseconds: number };

export interface ElectionStep {
  readonly state: ElectionState;
  readonly request: ElectionRequest;
}

/** The present: `now` monotonic, `wall` epoch milliseconds. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

export function initialElection(identity: string): ElectionState {
  return { identity, seen: undefined, lookedAt: undefined, until: undefined, fresh: false };
}

/** Whether this replica may act as the leader now. */
export function isLeading({ until }: ElectionState, now: number): boolean {
  return until !== undefined && now < until;
}

/**
 * What follows from an input. The rules are those of client-go's leader election: clocks of different machines are
 * never compared, only how long a Lease was seen unchanged; a holder renews, whoever finds it silent for
 * `leaseMs` takes it, and the version of the object decides between two who try.
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
        ? { state, request: take(state, state.seen.lease, moment, times) }
        : { state, request: { kind: 'read' } };
    case 'read': {
      const { lease } = input;
      if (lease === undefined) {
        const request = { kind: 'create', spec: specOf(state, undefined, moment, times) } as const;
        return { state: { ...state, seen: undefined, lookedAt: now, fresh: true }, request };
      }
      const isSame = state.seen !== undefined && isSameSign(state.seen.lease, lease);
      const since = isSame ? state.seen.since : signAt(state, now, times);
      const isOurs = lease.holder === state.identity;
      const seen = { lease, since };
      const next = { ...state, seen, lookedAt: now, fresh: true, until: isOurs ? state.until : undefined };
      const isFree = lease.holder === '' || now - since >= times.leaseMs;
      return isOurs || isFree ? { state: next, request: take(next, lease, moment, times) } : wait(next);
    }
    case 'written':
      return wait({
        ...state,
        seen: { lease: input.lease, since: now },
        until: input.askedAt + times.renewMs,
      });
    case 'refused':
      // Perhaps somebody only annotated it: read it, once.
      return state.fresh ? wait(state) : { state, request: { kind: 'read' } };
    case 'failed':
      // If a write arrived after all, the version of the next one is refused, and the Lease is read.
      return wait(state);
  }
}

/** What a replica that ends writes, so that another need not wait for the Lease to lapse. */
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

function take(state: ElectionState, lease: Lease, moment: Moment, times: ElectionTimes): ElectionRequest {
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
 * When a sign that is new was given at the earliest: after the look before. To count from there saves what lies
 * between two looks, and is safe: a holder stops to act by its own clock `renewMs` after a sign, two looks before
 * others may take the Lease. Where the looks lie further apart, nothing is known of the time between.
 */
function signAt({ lookedAt = Infinity }: ElectionState, now: number, { retryMs }: ElectionTimes): number {
  return Math.min(now, Math.max(lookedAt, now - 1.5 * retryMs));
}

/** Until the next attempt, but no longer than until the Lease that somebody else holds lapses. */
function waitOf({ seen, identity }: ElectionState, now: number, { leaseMs, retryMs }: ElectionTimes): number {
  if (seen === undefined || seen.lease.holder === identity) return retryMs;
  const left = seen.since + leaseMs - now;
  return left > 0 ? Math.min(retryMs, left) : retryMs;
}

/** Whether two states of a Lease are the same sign of life: others may annotate it without being its holder. */
function isSameSign(a: Lease, b: Lease): boolean {
  return (
    a.holder === b.holder &&
    a.renewTime === b.renewTime &&
    a.acquireTime === b.acquireTime &&
    a.transitions === b.transitions
  );
}
