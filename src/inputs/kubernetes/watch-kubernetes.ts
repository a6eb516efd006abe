import { setTimeout as delay } from 'node:timers/promises';

import type { Source, SourceEvent, SourceSink } from '../../trust/source.ts';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { meshTrusts, placePath } from '../../kubernetes/client/api-object.ts';
import type { ObjectHead, WatchedResource } from '../../kubernetes/client/api-object.ts';
import { backoffMs } from '../../kubernetes/client/backoff.ts';
import { createLister } from '../../kubernetes/client/list-pages.ts';
import { createObjectStock } from '../../kubernetes/client/object-stock.ts';
import { unreadable } from '../../kubernetes/client/request-failure.ts';
import { clusterListLimits } from '../../net/list-budget.ts';
import type { ListLimits } from '../../net/list-budget.ts';
import type { HeadChange, WatchInput } from '../../kubernetes/client/watch-types.ts';
import { createSettleTimer, settleTimesFor } from './settle-timer.ts';
import { watchOnce } from './watch-once.ts';
import { initialWatchState, stepWatch } from './watch-state.ts';
import { reasonOf } from '../../text/system-error.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** The parameters of the Kubernetes source. Times are in milliseconds. */
export interface WatchKubernetesOptions {
  readonly client: ApiClient;
  /** The namespace to watch. `undefined`: all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** The objects to watch. Default: MeshTrusts. */
  readonly resource?: WatchedResource | undefined;
  /** True if the API server may have no such resource. It then counts as having no objects, and is asked again. */
  readonly isOptional?: boolean | undefined;
  /**
   * True if an earlier run read such objects. The API server also answers that it has no such resource while it starts,
   * so it then counts as having none only once all lists of a minute say so.
   */
  readonly confirmsAbsence?: boolean | undefined;
  /** The API server ends a watch after one to two times this time. Default: 240,000. */
  readonly watchMs?: number | undefined;
  /**
   * A watch without data for this time is given up, and everything is listed again. Default: 180,000. The API server
   * sends a bookmark each minute, if its etcd notifies it of progress or objects change.
   */
  readonly silenceMs?: number | undefined;
  /**
   * A single deletion is reported after this time. Default: 100. Several deletions wait longer and are reported
   * together, see `settleTimesFor`.
   */
  readonly settleMs?: number | undefined;
  /** Called in the same turn of the event loop as the sink, and before it. */
  readonly onHeads?: ((change: HeadChange) => void) | undefined;
  /** The limits of one list, and of all objects that a watch adds to it. Default: `clusterListLimits`. */
  readonly limits?: ListLimits | undefined;
  /** Waits between requests. The signal ends the wait. Tests wait less. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Returns a number from 0 to 1, for jitter. */
  readonly random?: (() => number) | undefined;
}

/**
 * Lists the objects of a cluster and watches them (see `SourceEvent`). Starts at once, and runs until it is closed:
 * failures are reported, and requests are repeated. An empty batch confirms that everything reported before is still
 * true.
 */
export function watchKubernetes(options: WatchKubernetesOptions, sink: SourceSink): Source {
  const { client, namespace, name, watchMs = 240_000, silenceMs = 180_000 } = options;
  const { resource = meshTrusts, isOptional = false, confirmsAbsence = false } = options;
  const {
    settleMs = 100,
    limits = clusterListLimits,
    onHeads,
    sleep = sleepFor,
    random = Math.random,
  } = options;
  const place = placePath(namespace, resource.place);
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  // Only the core group has no name.
  const group = resource.group === '' ? '/api' : `/apis/${resource.group}`;
  const path = `${group}/${resource.version}${within}/${resource.plural}`;
  const list = createLister(client, path, resource, limits);
  const closed = new AbortController();
  const { signal } = closed;
  let state = initialWatchState;
  const stock = createObjectStock(limits);
  let hasListed = false;
  /** For how long the API server has had no such resource, in milliseconds; `undefined` unless it said so last. */
  let absentMs: number | undefined;

  const mustList = (): boolean => state.next.kind === 'list';

  const sendNext = (): AsyncIterable<WatchInput> => {
    const { next } = state;
    if (next.kind === 'list') return list(signal);
    const timeoutSeconds = Math.ceil((watchMs * (1 + random())) / 1000);
    return watchOnce(client, { resource, path, silenceMs, timeoutSeconds, ...next }, signal);
  };

  /** Applies an input. A defect counts as a failure, and does not end the watch. */
  const apply = (input: WatchInput): void => {
    try {
      applyNow(input);
    } catch (error) {
      // The state is still that before the input: deletions settle again, and the objects are listed again. That is
      // not left to the failure below, on which `onHeads` may throw an error, too.
      const isDeletion = input.kind === 'settled';
      if (isDeletion) restartSettling();
      else state = { ...state, next: { kind: 'list' }, attempts: state.attempts + 1 };
      if (input.kind !== 'failed')
        apply({ kind: 'failed', failure: { reason: reasonOf(error), relist: !isDeletion } });
    }
  };

  const restartSettling = (): void =>
    settling.restart(settleTimesFor(state.leaving.size, state.known.size, settleMs));

  const applyNow = (input: WatchInput): void => {
    const { leaving } = state;
    const step = stepWatch(state, input, place);
    onHeads?.({
      put: headsOf(input),
      gone: step.events.flatMap((event) => (event.kind === 'gone' ? event.path : [])),
    });
    state = step.state;
    if (state.leaving.size === 0) settling.clear();
    else if (state.leaving.keys().some((path) => !leaving.has(path))) restartSettling();
    const isConfirmation = input.kind === 'listed' || input.kind === 'changed';
    if (step.events.length > 0 || isConfirmation) sink(step.events);
    // The credentials and the address in the kubeconfig may have changed.
    if (input.kind === 'failed') client.forget();
  };

  /** Reports that there are no objects. They are listed again. */
  const reportAbsence = (): void => {
    const { reportedFailure, synced } = state;
    const events: SourceEvent[] = [];
    if (reportedFailure !== undefined) events.push({ kind: 'recovered', path: place });
    if (!synced) events.push({ kind: 'synced' });
    state = { ...state, synced: true, reportedFailure: undefined };
    if (events.length > 0) sink(events);
  };

  const settling = createSettleTimer(() => apply({ kind: 'settled' }));

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const isListing = mustList();
      let retryAfterMs: number | undefined;
      for await (const sent of sendNext()) {
        if (signal.aborted) return;
        const excess = stock.add(sent);
        const input = excess === undefined ? sent : unreadable(excess);
        if (isOptional && !hasListed && input.kind === 'failed' && input.failure.isAbsent === true) {
          absentMs ??= 0;
          if (confirmsAbsence && absentMs < absentRetryMs) apply(input);
          else {
            retryAfterMs = absentRetryMs;
            reportAbsence();
          }
          continue;
        }
        hasListed ||= input.kind === 'listed';
        if (input.kind === 'failed') absentMs = undefined;
        apply(input);
        if (input.kind === 'failed') ({ retryAfterMs } = input.failure);
        if (!isListing && mustList()) break;
      }
      const isListed = isListing && !mustList();
      if (isListed) continue;
      const waitMs = backoffMs(state.attempts, retryAfterMs, random);
      if (absentMs !== undefined) absentMs += waitMs;
      await sleep(waitMs, signal);
    }
  };

  const running = run();
  return {
    name,
    close: async () => {
      closed.abort();
      settling.clear();
      await running;
      client.close();
    },
  };
}

/** How often an API server without the resource is asked again, in milliseconds. */
const absentRetryMs = 60_000;

function headsOf(input: WatchInput): readonly ObjectHead[] {
  if (input.kind === 'listed') return input.objects.map(({ head }) => head);
  if (input.kind !== 'changed') return [];
  return input.changes.flatMap((change) => (change.kind === 'put' ? change.object.head : []));
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  // An abort ends the wait, too.
  await delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
}
