import {
  acceptDocument,
  confirmAfterMs,
  digestOf,
  emptyMemory,
} from '../../trust/federation/accept-document.ts';
import type { BundleMemory, DocumentEffect } from '../../trust/federation/accept-document.ts';
import { bundleText } from '../../trust/federation/bundle-text.ts';
import { isSameEndpoint, isSameResource } from '../../trust/federation/compare-relationships.ts';
import { endpointCas, unauthenticated } from '../../trust/federation/endpoint-cas.ts';
import { firstRetryMs, intervalMs, nextFetchMs } from '../../trust/federation/poll-schedule.ts';
import { federationPath } from '../../trust/federation/relationship.ts';
import type { Relationship } from '../../trust/federation/relationship.ts';
import { bundleDates } from '../../trust/federation/relationship-status.ts';
import type {
  BundleDates,
  BundleOrigin,
  FetchFailure,
  RelationshipStatus,
} from '../../trust/federation/relationship-status.ts';
import type { StoredBundle } from '../../trust/federation/stored-bundle.ts';
import { readBundleDocument } from '../../trust/model/bundle-document.ts';
import type { BundleDocument } from '../../trust/model/bundle-document.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { GoneEvidence } from '../../trust/source.ts';
import type { BundleResponse, ServerCheck } from './fetch-bundle.ts';
import type { PollContext } from './poll-context.ts';

/** Fetches the bundle of one relationship again and again. */
export interface RelationshipPoll {
  status(): RelationshipStatus;
  /** Replaces the relationship, which has the same key. It is fetched at once if the endpoint or its CAs changed. */
  update(relationship: Relationship): void;
  /** Fetches now. */
  refresh(): void;
  /** Ends the poll, and withdraws its bundle. */
  remove(evidence: GoneEvidence): void;
  /** Ends the poll. Nothing is delivered after it. */
  close(): void;
}

/** The time for one fetch, in milliseconds. */
const fetchTimeoutMs = 10_000;
/** Without a change, the time of the last success is stored again after this time, in milliseconds. */
const storeAgainMs = 3_600_000;

export function createRelationshipPoll(
  first: Relationship,
  stored: StoredBundle | undefined,
  context: PollContext,
): RelationshipPoll {
  const { clock, deliver } = context;
  let relationship = first;
  const path = federationPath(first.key);
  let memory: BundleMemory = { ...emptyMemory, applied: stored?.document };
  let origin: BundleOrigin = stored === undefined ? 'none' : 'restored';
  let etag = stored?.url === first.url ? stored.etag : undefined;
  let lastSuccessAt = stored?.fetchedAt;
  let storedAt = stored?.fetchedAt ?? -Infinity;
  let bootstrapAtSuccess = stored?.bootstrapDigest;
  let lastAttemptAt: number | undefined;
  let nextAttemptAt: number | undefined;
  let error: FetchFailure | undefined;
  let failures = 0;
  let isTooOld = false;
  let delivered: string | undefined;
  let dates: { readonly of: BundleDocument; readonly dates: BundleDates | undefined } | undefined;
  let cancelTimer: (() => void) | undefined;
  let running: AbortController | undefined;
  let isClosed = false;

  const bootstrapDigest = (): string | undefined =>
    relationship.bootstrap === undefined ? undefined : digestOf(relationship.bootstrap);

  /** Returns the bundle in force. */
  const current = (): BundleDocument | undefined => {
    if (isTooOld) return undefined;
    const document = memory.applied ?? relationship.bootstrap;
    return document === undefined || document.certificates.length === 0 ? undefined : document;
  };

  const datesOf = (document: BundleDocument | undefined): BundleDates | undefined => {
    if (document === undefined) return undefined;
    if (dates?.of !== document) dates = { of: document, dates: bundleDates(document) };
    return dates.dates;
  };

  const interval = (): number => intervalMs(memory.applied?.refreshHintSeconds, context.limits);

  /** Delivers the bundle in force if it is not the delivered one. */
  const deliverCurrent = (evidence: GoneEvidence): void => {
    const document = current();
    const text = document && bundleText(relationship, document);
    if (text === delivered) return;
    delivered = text;
    deliver(
      text === undefined ? { kind: 'gone', path, evidence } : { kind: 'content', path, text, settled: true },
    );
  };

  const store = (isChanged: boolean): void => {
    const { applied } = memory;
    if (applied === undefined || lastSuccessAt === undefined) return;
    if (!isChanged && lastSuccessAt - storedAt < storeAgainMs) return;
    storedAt = lastSuccessAt;
    const { mesh, trustDomain, url } = relationship;
    const digest = bootstrapAtSuccess;
    context.save({
      mesh,
      trustDomain,
      url,
      etag,
      fetchedAt: lastSuccessAt,
      bootstrapDigest: digest,
      document: applied,
    });
  };

  const fail = (failure: FetchFailure): FetchFailure['reason'] => {
    failures += 1;
    error = failure;
    const { maxAgeMs } = context;
    isTooOld = maxAgeMs > 0 && lastSuccessAt !== undefined && clock.wall() - lastSuccessAt >= maxAgeMs;
    if (isTooOld) deliverCurrent('absence');
    return failure.reason;
  };

  const succeed = (document: BundleDocument | undefined, newEtag: string | undefined): DocumentEffect => {
    const now = clock.wall();
    const before = memory;
    const result =
      document === undefined
        ? ({ memory: { ...memory, held: undefined }, effect: 'unchanged' } as const)
        : acceptDocument(memory, document, now);
    memory = result.memory;
    lastSuccessAt = now;
    error = undefined;
    failures = 0;
    isTooOld = false;
    if (result.effect === 'hold') return 'hold';
    origin = 'fetched';
    if (document !== undefined) etag = newEtag;
    const digest = bootstrapDigest();
    const isChanged = result.effect !== 'unchanged' || digest !== bootstrapAtSuccess;
    bootstrapAtSuccess = digest;
    deliverCurrent('deletion');
    store(isChanged || before.applied?.sequence !== memory.applied?.sequence);
    return result.effect;
  };

  const applyResponse = (response: BundleResponse): DocumentEffect | FetchFailure['reason'] => {
    switch (response.kind) {
      case 'failed':
        return fail({ reason: response.reason, message: response.message });
      case 'unchanged':
        return succeed(undefined, undefined);
      case 'document': {
        const reading = readBundleDocument(response.text);
        return reading.kind === 'refused'
          ? fail({ reason: 'document', message: `the response ${reading.reason}` })
          : succeed(reading.document, response.etag);
      }
    }
  };

  const checks = (): readonly ServerCheck[] => {
    const { profile } = relationship;
    if (profile.kind === 'https_web') return [{ kind: 'web', extraCas: context.webCas }];
    const sets = endpointCas({
      relationship,
      fetched: memory.applied,
      isBootstrapNew: bootstrapDigest() !== bootstrapAtSuccess,
      trusted: context.trusted,
      isDistrusted: context.isDistrusted,
    });
    return sets.map((set) => ({ kind: 'spiffe', id: profile.id, cas: set.map((der) => encodePem(der)) }));
  };

  /** Fetches the bundle, and returns whether only an edited `trustDomainBundle` authenticated the endpoint. */
  const fetchOnce = async (
    signal: AbortSignal,
  ): Promise<{ readonly response: BundleResponse; readonly isBootstrapped: boolean }> => {
    const { userAgent, maxBytes, denyPrivate } = context;
    const end = clock.monotonic() + fetchTimeoutMs;
    let response: BundleResponse = { kind: 'failed', ...unauthenticated(relationship) };
    for (const [index, check] of checks().entries()) {
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
        return { response, isBootstrapped: index > 0 };
    }
    return { response, isBootstrapped: false };
  };

  const attempt = async (controller: AbortController): Promise<void> => {
    const { signal } = controller;
    if (signal.aborted) return;
    const begin = clock.monotonic();
    lastAttemptAt = clock.wall();
    const { response, isBootstrapped } = await fetchOnce(signal);
    if (signal.aborted) return;
    // A person vouched for the peer's new CAs: its sequence may begin again.
    if (isBootstrapped && memory.applied !== undefined)
      memory = { ...memory, applied: { ...memory.applied, sequence: undefined } };
    const before = error?.reason;
    const heldBefore = memory.held?.kind;
    const result = applyResponse(response);
    const isNews =
      result !== 'unchanged' &&
      (result !== 'hold' || heldBefore === undefined) &&
      (error === undefined || before !== error.reason);
    context.onFetch({ relationship, result, error, isNews, milliseconds: clock.monotonic() - begin });
    running = undefined;
    schedule();
    if (error !== undefined || before !== undefined || result !== 'unchanged') context.onChange();
  };

  const schedule = (): void => {
    const { maxAgeMs, instance } = context;
    const regular = nextFetchMs(interval(), `${instance}\0${relationship.key}`);
    const isFirst = error !== undefined && memory.applied === undefined;
    const confirm = memory.held === undefined || error !== undefined ? Infinity : confirmAfterMs(memory.held);
    const hasEnd = maxAgeMs > 0 && lastSuccessAt !== undefined && !isTooOld;
    const end = hasEnd ? (lastSuccessAt ?? 0) + maxAgeMs - clock.wall() : Infinity;
    const wait = Math.max(1, Math.min(isFirst ? firstRetryMs(failures) : regular, confirm, end));
    nextAttemptAt = clock.wall() + wait;
    cancelTimer?.();
    cancelTimer = clock.after(wait, start);
  };

  const start = (): void => {
    if (isClosed) return;
    cancelTimer?.();
    running?.abort();
    const controller = new AbortController();
    running = controller;
    nextAttemptAt = undefined;
    const lane = error === undefined ? context.lanes.healthy : context.lanes.failing;
    void lane.run(() => attempt(controller));
  };

  const close = (): void => {
    isClosed = true;
    cancelTimer?.();
    running?.abort();
  };

  deliverCurrent('absence');
  start();

  return {
    status: () => {
      const document = current();
      return {
        relationship,
        origin: document === undefined ? 'none' : memory.applied === undefined ? 'bootstrap' : origin,
        document,
        dates: datesOf(document),
        held: memory.held,
        withdrawn: isTooOld ? 'too-old' : memory.applied?.certificates.length === 0 ? 'empty' : undefined,
        etag,
        intervalMs: interval(),
        lastSuccessAt,
        lastAttemptAt,
        nextAttemptAt,
        error,
      };
    },
    update(next) {
      const before = relationship;
      relationship = next;
      if (isSameResource(before, next)) return;
      if (before.url !== next.url) etag = undefined;
      deliverCurrent('deletion');
      if (isSameEndpoint(before, next)) return;
      failures = 0;
      start();
    },
    refresh: start,
    remove(evidence) {
      close();
      if (delivered !== undefined) deliver({ kind: 'gone', path, evidence });
    },
    close,
  };
}
