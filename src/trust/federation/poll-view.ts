import { confirmAfterMs } from './accept-document.ts';
import type { DocumentEffect } from './accept-document.ts';
import { endOfAge } from './bundle-age.ts';
import { firstRetryMs, intervalMs, nextFetchMs } from './poll-schedule.ts';
import type { PollLimits } from './poll-schedule.ts';
import { bundleInForce } from './poll-state.ts';
import type { PollState } from './poll-state.ts';
import type { BundleDates, FetchFailure, RelationshipStatus } from './relationship-status.ts';

/** When a bundle is fetched, and when it is too old. */
export interface PollTimes {
  readonly limits: PollLimits;
  /** A bundle whose last fetch is older is withdrawn, in milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  /** The name of this server, by which the fetches of several servers are spread. */
  readonly instance: string;
}

/**
 * Returns the time until the next fetch, in milliseconds: earlier than the interval for a bundle that was never
 * fetched, for a held document, and at the end of the bundle's age.
 */
export function nextPollMs(state: PollState, times: PollTimes, now: number): number {
  const { relationship, memory, error, failures, isTooOld } = state;
  const { limits, maxAgeMs, instance } = times;
  const isFirst = error !== undefined && memory.applied === undefined;
  const regular = isFirst
    ? firstRetryMs(failures)
    : nextFetchMs(pollIntervalMs(state, limits), `${instance}\0${relationship.key}`);
  const confirm = memory.held === undefined || error !== undefined ? Infinity : confirmAfterMs(memory.held);
  const end = isTooOld ? undefined : endOfAge(state, maxAgeMs);
  return Math.max(1, Math.min(regular, confirm, end === undefined ? Infinity : end - now));
}

/** Returns the status for people. `dates` are those of the bundle in force. */
export function pollStatus(
  state: PollState,
  limits: PollLimits,
  dates: BundleDates | undefined,
): RelationshipStatus {
  const { relationship, memory, origin, isTooOld } = state;
  const { etag, lastSuccessAt, lastAttemptAt, nextAttemptAt, error } = state;
  const document = bundleInForce(state);
  return {
    relationship,
    origin: document === undefined ? 'none' : memory.applied === undefined ? 'bootstrap' : origin,
    document,
    dates,
    held: memory.held,
    withdrawn: isTooOld ? 'too-old' : memory.applied?.certificates.length === 0 ? 'empty' : undefined,
    etag,
    intervalMs: pollIntervalMs(state, limits),
    lastSuccessAt,
    lastAttemptAt,
    nextAttemptAt,
    error,
  };
}

function pollIntervalMs({ memory }: PollState, limits: PollLimits): number {
  return intervalMs(memory.applied?.refreshHintSeconds, limits);
}

/** Returns whether the result of a fetch is worth a line of log: the fetch before did not have it. */
export function isNewResult(
  before: PollState,
  { error }: PollState,
  result: DocumentEffect | FetchFailure['reason'],
): boolean {
  if (result === 'unchanged') return false;
  if (result === 'hold') return before.memory.held === undefined;
  return error === undefined || error.reason !== before.error?.reason;
}
