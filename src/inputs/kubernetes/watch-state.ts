import { createHash } from 'node:crypto';

import type { GoneEvidence, SourceEvent } from '../../trust/source.ts';
import type { ApiObject } from '../../kubernetes/client/api-object.ts';
import type { WatchChange, WatchInput } from '../../kubernetes/client/watch-types.ts';

/** The state of the source between two inputs. */
export interface WatchState {
  /** The hash of each object's text that was reported last, by path. */
  readonly known: ReadonlyMap<string, string>;
  /**
   * Deleted objects that were not reported yet, with the evidence of the deletion. Deletions of one cause arrive one by
   * one (a CRD or a namespace that is deleted, `kubectl delete --all`). They are reported together, so that the guard
   * recognises a mass loss. An object that is created again meanwhile is not reported as gone.
   */
  readonly leaving: ReadonlyMap<string, GoneEvidence>;
  readonly next: NextRequest;
  /** Number of consecutive requests without a result. It determines the pause before the next one. */
  readonly attempts: number;
  readonly synced: boolean;
  /** The reason of the failure that was reported last, until `recovered` is reported. */
  readonly reportedFailure: string | undefined;
}

type NextRequest = { readonly kind: 'list' } | { readonly kind: 'watch'; readonly resourceVersion: string };

export interface WatchStep {
  readonly state: WatchState;
  readonly events: readonly SourceEvent[];
}

/** A watch that lasted this long counts as successful, even without a change. In milliseconds. */
const longEnoughMs = 2_000;
/** After more consecutive requests without a result, a watch that ends at once is followed by a list. */
const maxShortWatches = 3;

export const initialWatchState: WatchState = {
  known: new Map(),
  leaving: new Map(),
  next: { kind: 'list' },
  attempts: 0,
  synced: false,
  reportedFailure: undefined,
};

/**
 * Returns the next state and the events of an input. An object is gone only if the API server reports its deletion, or
 * if a complete list does not contain it. A failure never removes an object. All pages of a list are one input, so
 * nothing is reported between two pages.
 */
export function stepWatch(state: WatchState, input: WatchInput, place: string): WatchStep {
  switch (input.kind) {
    case 'listed': {
      const known = new Map(state.known);
      const events: SourceEvent[] = [];
      const listed = new Set<string>();
      for (const object of input.objects) {
        listed.add(object.path);
        put(known, object, events);
      }
      const leaving = new Map<string, GoneEvidence>();
      for (const path of known.keys())
        if (!listed.has(path)) leaving.set(path, state.leaving.get(path) ?? 'absence');
      if (state.reportedFailure !== undefined) events.push({ kind: 'recovered', path: place });
      if (!state.synced) events.push({ kind: 'synced' });
      const next = { kind: 'watch', resourceVersion: input.resourceVersion } as const;
      const rest = { synced: true, reportedFailure: undefined };
      return { state: { ...state, known, leaving, next, ...rest }, events };
    }
    case 'opened': {
      if (state.reportedFailure === undefined) return { state, events: [] };
      const events = [{ kind: 'recovered', path: place }] as const;
      return { state: { ...state, reportedFailure: undefined }, events };
    }
    case 'changed':
      return stepChanges(state, input.changes);
    case 'settled':
      return stepSettled(state);
    case 'closed': {
      if (input.livedMs >= longEnoughMs) return retry(state, state.next, 0);
      const attempts = state.attempts + 1;
      // Watches that end at once bring no changes, for example behind a proxy that cannot stream. Lists do.
      return retry(state, attempts > maxShortWatches ? { kind: 'list' } : state.next, attempts);
    }
    case 'silent':
      // The known version may be from a store that was replaced by an older one. A watch from a version that the store
      // does not have yet is accepted, and sends nothing, not even bookmarks.
      return retry(state, { kind: 'list' }, 0);
    case 'expired':
      return retry(state, { kind: 'list' });
    case 'failed': {
      const { reason, relist } = input.failure;
      const step = retry({ ...state, reportedFailure: reason }, relist ? { kind: 'list' } : state.next);
      const isKnown = reason === state.reportedFailure;
      return isKnown ? step : { ...step, events: [{ kind: 'failed', path: place, reason }] };
    }
  }
}

function stepChanges(state: WatchState, changes: readonly WatchChange[]): WatchStep {
  const known = new Map(state.known);
  const leaving = new Map(state.leaving);
  const events: SourceEvent[] = [];
  let { next } = state;
  for (const change of changes) {
    // Resource versions only grow. A smaller one is from another store, for example one restored from a backup.
    if (next.kind === 'watch' && isOlder(change.resourceVersion, next.resourceVersion)) {
      next = { kind: 'list' };
      break;
    }
    next = { kind: 'watch', resourceVersion: change.resourceVersion };
    if (change.kind === 'deleted' && known.has(change.path)) leaving.set(change.path, 'deletion');
    else if (change.kind === 'put') {
      leaving.delete(change.object.path);
      put(known, change.object, events);
    }
  }
  return { state: { ...state, known, leaving, next, attempts: 0 }, events };
}

function stepSettled(state: WatchState): WatchStep {
  const known = new Map(state.known);
  for (const path of state.leaving.keys()) known.delete(path);
  const events = [...state.leaving].map(([path, evidence]) => ({ kind: 'gone', path, evidence }) as const);
  return { state: { ...state, known, leaving: new Map() }, events };
}

/** Records an object, and adds an event if its text is new. */
function put(known: Map<string, string>, { path, text }: ApiObject, events: SourceEvent[]): void {
  const hash = createHash('sha256').update(text).digest('base64');
  if (known.get(path) !== hash) events.push({ kind: 'content', path, text, settled: true });
  known.set(path, hash);
}

function retry(state: WatchState, next: NextRequest, attempts = state.attempts + 1): WatchStep {
  return { state: { ...state, next, attempts }, events: [] };
}

/** Compares resource versions as decimal numbers (KEP-5504). Versions of another form compare as equal. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => (/^\d{1,20}$/.test(text) ? BigInt(text) : undefined));
  return a !== undefined && b !== undefined && a < b;
}
