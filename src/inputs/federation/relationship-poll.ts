import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DocumentEffect } from '../../trust/federation/accept-document.ts';
import { bundleText, limitProblem } from '../../trust/federation/bundle-text.ts';
import { endpointCas, unauthenticated } from '../../trust/federation/endpoint-cas.ts';
import {
  afterFailure,
  afterSuccess,
  bundleInForce,
  bundleToStore,
  firstPollState,
  isBootstrapNew,
  isNewResult,
  isOfGoneResource,
  nextPollMs,
  pollStatus,
  withoutSequence,
  withRelationship,
} from '../../trust/federation/poll-state.ts';
import type { FetchedBundle, PollState } from '../../trust/federation/poll-state.ts';
import { federationPath } from '../../trust/federation/relationship.ts';
import type { Relationship } from '../../trust/federation/relationship.ts';
import { bundleDates } from '../../trust/federation/relationship-status.ts';
import type {
  BundleDates,
  FetchFailure,
  RelationshipStatus,
} from '../../trust/federation/relationship-status.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import { readBundleSteps } from '../../trust/model/bundle-document.ts';
import type { BundleReading } from '../../trust/model/bundle-document.ts';
import type { BundleDocument } from '../../trust/model/bundle-document.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import { reasonOf } from '../../text/system-error.ts';
import type { GoneEvidence } from '../../trust/source.ts';
import type { BundleResponse, ServerCheck } from './fetch-bundle.ts';
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

/** The time for one fetch, in milliseconds. */
const fetchTimeoutMs = 10_000;

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
    const read = withinLimits(await readResponse(response), state.relationship, context);
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

/** A response whose document was read. */
type ReadResponse =
  | Exclude<BundleResponse, { readonly kind: 'document' }>
  | Extract<BundleReading, { readonly kind: 'refused' }>
  | ({ readonly kind: 'bundle' } & FetchedBundle);

/**
 * Reads the document of a response in turns, between which other work is done: a peer can send thousands of keys, and
 * to read one takes about a tenth of a millisecond.
 */
async function readResponse(response: BundleResponse): Promise<ReadResponse> {
  if (response.kind !== 'document') return response;
  const steps = readBundleSteps(response.text);
  for (;;) {
    const { done, value } = steps.next();
    if (done !== true) await nextTurn();
    else if (value.kind === 'refused') return value;
    else return { kind: 'bundle', document: value.document, etag: response.etag };
  }
}

/** Refuses a bundle that the parser would refuse. */
function withinLimits(
  read: ReadResponse,
  relationship: Relationship,
  { maxBytes, maxCertificates }: PollContext,
): ReadResponse {
  if (read.kind !== 'bundle') return read;
  const limits = { documentLength: maxBytes, certificatesPerResource: maxCertificates };
  const reason = limitProblem(relationship, read.document, limits);
  return reason === undefined ? read : { kind: 'refused', reason };
}

/**
 * Fetches the bundle, and returns whether only an edited `trustDomainBundle` authenticated the endpoint. A change of
 * the endpoint aborts the fetch, so the state at its beginning suffices.
 */
async function fetchOnce(
  state: PollState,
  context: PollContext,
  signal: AbortSignal,
): Promise<{ readonly response: BundleResponse; readonly isBootstrapped: boolean }> {
  const { relationship, memory, etag } = state;
  const { clock, userAgent, maxBytes, denyPrivate } = context;
  const end = clock.monotonic() + fetchTimeoutMs;
  let response: BundleResponse = { kind: 'failed', ...unauthenticated(relationship, memory.applied) };
  for (const { check, isNewBootstrap } of serverChecks(state, context)) {
    const timeoutMs = Math.max(1, end - clock.monotonic());
    response = await context.fetch({
      url: relationship.url,
      check,
      // A held document has to come again in full.
      etag: memory.held === undefined && memory.applied !== undefined ? etag : undefined,
      userAgent,
      maxBytes,
      timeoutMs,
      denyPrivate,
      signal,
    });
    if (response.kind !== 'failed' || response.reason !== 'identity')
      return { response, isBootstrapped: isNewBootstrap };
  }
  return { response, isBootstrapped: false };
}

/** Returns how the endpoint may be authenticated, in the order of the attempts. */
function serverChecks(
  state: PollState,
  context: PollContext,
): readonly { readonly check: ServerCheck; readonly isNewBootstrap: boolean }[] {
  const { relationship, memory, retained } = state;
  const { profile } = relationship;
  if (profile.kind === 'https_web')
    return [{ check: { kind: 'web', extraCas: context.webCas() }, isNewBootstrap: false }];
  const sets = endpointCas({
    relationship,
    fetched: memory.applied,
    retained,
    isBootstrapNew: isBootstrapNew(state),
    trusted: context.trusted,
    isDistrusted: context.isDistrusted,
  });
  return sets.map(({ cas, isNewBootstrap }) => ({
    check: { kind: 'spiffe', id: profile.id, cas: cas.map((der) => encodePem(der)) },
    isNewBootstrap,
  }));
}
