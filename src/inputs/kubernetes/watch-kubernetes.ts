import { setTimeout as delay } from 'node:timers/promises';

import type { Source, SourceSink } from '../../trust/source.ts';
import type { ApiClient } from '../../kubernetes/client/api-client.ts';
import { placePath, resource } from '../../kubernetes/client/api-object.ts';
import type { ObjectHead } from '../../kubernetes/client/api-object.ts';
import { backoffMs } from '../../kubernetes/client/backoff.ts';
import { listPages } from '../../kubernetes/client/list-pages.ts';
import type { HeadChange, WatchInput } from '../../kubernetes/client/watch-types.ts';
import { createQuietTimer } from './quiet-timer.ts';
import { patienceFor } from './settling.ts';
import { watchOnce } from './watch-once.ts';
import { initialWatchState, stepWatch } from './watch-state.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** What to watch, and how patiently. */
export interface WatchKubernetesOptions {
  readonly client: ApiClient;
  /** One namespace; all of them if undefined. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** The API server ends a watch after this time and up to as much again, in milliseconds; 240,000. */
  readonly watchMs?: number | undefined;
  /** A watch that is silent for so long is given up, in milliseconds; 180,000 (bookmarks come each minute). */
  readonly silenceMs?: number | undefined;
  /**
   * A deletion is told when no other has come for so long, in milliseconds; 100. When others have, they are told
   * together, see `patienceFor`.
   */
  readonly settleMs?: number | undefined;
  /** Told in the same turn as the sink, and before it. */
  readonly onHeads?: ((change: HeadChange) => void) | undefined;
  /** Waits between requests, cut short by the signal; tests wait less. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** From 0 to 1, for jitter. */
  readonly random?: (() => number) | undefined;
}

/**
 * Lists the MeshTrusts of a cluster and watches them (see `SourceEvent`). Starts by itself and never ends by
 * itself: what fails is told and tried again. An empty batch says that everything told before is still so.
 */
export function watchKubernetes(options: WatchKubernetesOptions, sink: SourceSink): Source {
  const { client, namespace, name, watchMs = 240_000, silenceMs = 180_000 } = options;
  const { settleMs = 100, onHeads, sleep = sleepFor, random = Math.random } = options;
  const place = placePath(namespace);
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const path = `/apis/${resource.group}/${resource.version}${within}/${resource.plural}`;
  const closed = new AbortController();
  const { signal } = closed;
  let state = initialWatchState;

  const mustList = (): boolean => state.next.kind === 'list';

  const answers = (): AsyncIterable<WatchInput> => {
    const { next } = state;
    if (next.kind === 'list') return listPages(client, path, signal);
    const timeoutSeconds = Math.ceil((watchMs * (1 + random())) / 1000);
    return watchOnce(client, { path, silenceMs, timeoutSeconds, ...next }, signal);
  };

  const take = (input: WatchInput): void => {
    const { leaving } = state;
    const step = stepWatch(state, input, place);
    state = step.state;
    if (state.leaving.size === 0) settling.clear();
    else if (state.leaving.keys().some((path) => !leaving.has(path)))
      settling.touch(patienceFor(state.leaving.size, state.known.size, settleMs));
    onHeads?.({
      put: headsOf(input),
      gone: step.events.flatMap((event) => (event.kind === 'gone' ? event.path : [])),
    });
    const isProof = input.kind === 'listed' || input.kind === 'changed';
    if (step.events.length > 0 || isProof) sink(step.events);
    // Credentials and addresses may have changed on disk.
    if (input.kind === 'failed') client.forget();
  };

  const settling = createQuietTimer(() => take({ kind: 'settled' }));

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const isListing = mustList();
      let retryAfterMs: number | undefined;
      for await (const input of answers()) {
        if (signal.aborted) return;
        take(input);
        if (input.kind === 'failed') ({ retryAfterMs } = input.failure);
        if (!isListing && mustList()) break;
      }
      const isListed = isListing && !mustList();
      if (!isListed) await sleep(backoffMs(state.attempts, retryAfterMs, random), signal);
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

function headsOf(input: WatchInput): readonly ObjectHead[] {
  if (input.kind === 'listed') return input.objects.map(({ head }) => head);
  if (input.kind !== 'changed') return [];
  return input.changes.flatMap((change) => (change.kind === 'put' ? change.object.head : []));
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  // To be aborted is the other way to have waited enough.
  await delay(timerMs(milliseconds), undefined, { signal }).catch(() => undefined);
}
