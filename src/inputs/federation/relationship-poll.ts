import type { DocumentEffect } from '../../trust/federation/accept-document.ts';
import { bundleText } from '../../trust/federation/bundle-text.ts';
import {
  afterFailure,
  afterSuccess,
  bundleInForce,
  bundleToStore,
  firstPollState,
  isOfGoneResource,
  withoutSequence,
  withRelationship,
} from '../../trust/federation/poll-state.ts';
import { isNewResult, nextPollMs, pollStatus } from '../../trust/federation/poll-view.ts';
import type { FetchedBundle } from '../../trust/federation/poll-state.ts';
import { federationPath } from '../../trust/federation/relationship.ts';
import type { Relationship } from '../../trust/federation/relationship.ts';
import { bundleDates } from '../../trust/federation/relationship-status.ts';
import type {
  BundleDates,
  FetchFailure,
  RelationshipStatus,
} from '../../trust/federation/relationship-status.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import type { BundleDocument } from '../../trust/model/bundle-document.ts';
import { reasonOf } from '../../text/system-error.ts';
import type { GoneEvidence } from '../../trust/source.ts';
import { fetchOnce, readWithinLimits } from './fetch-once.ts';
import type { ReadResponse } from './fetch-once.ts';
import type { PollContext } from './poll-context.ts';

/** Fetches the bundle of one relationship again and again. */
export interface RelationshipPoll {
  status(): RelationshipStatus;
  /**
   * Replaces the relationship, which has the same key. It is fetched at once if the endpoint or its CAs changed.
   * `evidence`: as for `endGone`; `undefined` while others may exist that are not known.
   */
  update(relationship: Relationship, evidence: GoneEvidence | undefined): void;
  /** Withdraws the bundle of another ClusterFederatedTrustDomain that is gone, and begins without it. */
  endGone(evidence: GoneEvidence): void;
  /** Fetches now. */
  refresh(): void;
  /** Ends the poll, and withdraws its bundle. Returns whether it had one in force. */
  remove(evidence: GoneEvidence): boolean;
  /** Ends the poll. Nothing is delivered after it. */
  close(): void;
}

/**
 * Does what `PollState` decides: sends requests, sets timers, delivers bundles and stores them. `keptSince`: as for
 * `firstPollState`.
 */
export function createRelationshipPoll(
  first: Relationship,
  {
    stored,
    keptSince,
  }: { readonly stored: StoredBundle | undefined; readonly keptSince: number | undefined },
  context: PollContext,
): RelationshipPoll {
  const { clock, deliver, lanes } = context;
  const path = federationPath(first.key);
  // A fetch reads the state again when it ends: `update` may have replaced the relationship meanwhile.
  let state = firstPollState(first, stored, keptSince);
  let delivered: string | undefined;
  let dates: { readonly of: BundleDocument; readonly dates: BundleDates | undefined } | undefined;
  let cancelTimer: (() => void) | undefined;
  let running: AbortController | undefined;
  let isClosed = false;

  const datesOf = (document: BundleDocument | undefined): BundleDates | undefined => {
    if (document === undefined) return undefined;
    if (dates?.of !== document) dates = { of: document, dates: bundleDates(document) };
    return dates.dates;
  };

  /** Delivers the bundle in force if it is not the delivered one. */
  const deliverCurrent = (evidence: GoneEvidence): void => {
    const document = bundleInForce(state);
    const text = document && bundleText(state.relationship, document);
    if (text === delivered) return;
    deliver(
      text === undefined ? { kind: 'gone', path, evidence } : { kind: 'content', path, text, settled: true },
    );
    delivered = text;
  };

  const fail = (failure: FetchFailure): FetchFailure['reason'] => {
    const before = state;
    state = afterFailure(state, failure, clock.wall(), context.maxAgeMs);
    const { isTooOld, lastSuccessAt } = state;
    if (isTooOld && !before.isTooOld) {
      // What only an earlier run had was not delivered here.
      if (delivered === undefined) deliver({ kind: 'gone', path, evidence: 'absence' });
      else deliverCurrent('absence');
    }
    if (isTooOld !== before.isTooOld || lastSuccessAt !== before.lastSuccessAt) {
      const toStore = bundleToStore(state);
      if (toStore !== undefined) context.save(toStore);
    }
    return failure.reason;
  };

  /** Counts a defect as a failed fetch, also if the same defect prevents that. */
  const failByDefect = (failure: FetchFailure): void => {
    try {
      fail(failure);
    } catch {
      state = { ...state, error: failure };
    }
  };

  const succeed = (fetched: FetchedBundle | undefined): DocumentEffect => {
    const success = afterSuccess(state, fetched, clock.wall(), context.maxAgeMs);
    state = success.state;
    if (success.effect !== 'hold') deliverCurrent('deletion');
    if (success.toStore !== undefined) context.save(success.toStore);
    return success.effect;
  };

  const applyResponse = (response: ReadResponse): DocumentEffect | FetchFailure['reason'] => {
    switch (response.kind) {
      case 'failed':
        return fail({ reason: response.reason, message: response.message });
      case 'unchanged':
        return succeed(undefined);
      case 'refused':
        return fail({ reason: 'document', message: `the response ${response.reason}` });
      case 'bundle':
        return succeed(response);
    }
  };

  /** Fetches once. A defect counts as a failed fetch, and the fetches go on. */
  const attempt = async ({ signal }: AbortController): Promise<void> => {
    try {
      await fetchAndApply(signal);
    } catch (error) {
      if (signal.aborted) return;
      failByDefect({ reason: 'document', message: reasonOf(error) });
      running = undefined;
      schedule();
    }
  };

  const fetchAndApply = async (signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return;
    const begin = clock.monotonic();
    state = { ...state, lastAttemptAt: clock.wall() };
    const { response, isBootstrapped } = await fetchOnce(state, context, signal);
    const read = await readWithinLimits(response, () => state.relationship, context);
    if (signal.aborted) return;
    // Anyone on the way to the peer can make a fetch fail. Only a bundle that the new CAs authenticated shows that the
    // peer has them.
    if (isBootstrapped && read.kind === 'bundle') state = withoutSequence(state);
    const before = state;
    const result = applyResponse(read);
    const { relationship, error } = state;
    const isNews = isNewResult(before, state, result);
    context.onFetch({ relationship, result, error, isNews, milliseconds: clock.monotonic() - begin });
    running = undefined;
    schedule();
    if (error !== undefined || before.error !== undefined || result !== 'unchanged') context.onChange();
  };

  const schedule = (): void => {
    const now = clock.wall();
    const wait = nextPollMs(state, context, now);
    state = { ...state, nextAttemptAt: now + wait };
    cancelTimer?.();
    cancelTimer = clock.after(wait, start);
  };

  const start = (): void => {
    if (isClosed) return;
    cancelTimer?.();
    running?.abort();
    const controller = new AbortController();
    running = controller;
    state = { ...state, nextAttemptAt: undefined };
    const lane = state.error === undefined ? lanes.healthy : lanes.failing;
    void lane.run(() => attempt(controller));
  };

  const endGone = (evidence: GoneEvidence): void => {
    if (!isOfGoneResource(state)) return;
    state = firstPollState(state.relationship, undefined);
    deliverCurrent(evidence);
    context.forget(first.key);
    start();
  };

  const close = (): void => {
    isClosed = true;
    cancelTimer?.();
    running?.abort();
  };

  deliverCurrent('absence');
  start();

  return {
    status: () => pollStatus(state, context.limits, datesOf(bundleInForce(state))),
    update(next, evidence) {
      const { state: updated, change } = withRelationship(state, next);
      state = updated;
      if (evidence !== undefined && isOfGoneResource(state)) return endGone(evidence);
      if (change === 'none') return;
      deliverCurrent('deletion');
      if (change === 'endpoint') start();
    },
    endGone,
    refresh: start,
    remove(evidence) {
      close();
      if (delivered === undefined) return false;
      deliver({ kind: 'gone', path, evidence });
      return true;
    },
    close,
  };
}
