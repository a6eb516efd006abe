import { createHash } from 'node:crypto';

import type { GoneEvidence, SourceEvent } from '../../trust/source.ts';
import type { ApiObject } from '../../kubernetes/client/api-object.ts';
import type { WatchChange, WatchInput } from '../../kubernetes/client/watch-types.ts';

/** What the source knows between two answers. */
export interface WatchState {
  /** Hash of the text of each object, as it was last told. */
  readonly known: ReadonlyMap<string, string>;
  /**
   * Objects that are gone and were not told as such yet, with how that is known. Deletions of one cause come one by one (a CRD or a
   * namespace that is deleted, `kubectl delete --all`), and are told together, so that a mass loss is seen as
   * one; what is created again meanwhile was never away.
   */
  readonly leaving: ReadonlyMap<string, GoneEvidence>;
  readonly next: NextRequest;
  /** Requests in a row that brought nothing: the next one waits the longer for it. */
  readonly attempts: number;
  readonly synced: boolean;
  /** The failure that was told last and not taken back. */
  readonly told: string | undefined;
}

export type NextRequest =
  { readonly kind: 'list' } | { readonly kind: 'watch'; readonly resourceVersion: string };

export interface WatchStep {
  readonly state: WatchState;
  readonly events: readonly SourceEvent[];
}

/** A watch that lived this long has done its work, even if nothing changed meanwhile. */
const longEnoughMs = 2_000;

export const initialWatchState: WatchState = {
  known: new Map(),
  leaving: new Map(),
  next: { kind: 'list' },
  attempts: 0,
  synced: false,
  told: undefined,
};

/**
 * What an answer means. An object leaves when the API server says that it was deleted, or leaves it out of a
 * complete list; nothing else takes one away, whatever fails. All pages of a list are one step: nothing in
 * between is told.
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
      if (state.told !== undefined) events.push({ kind: 'recovered', path: place });
      if (!state.synced) events.push({ kind: 'synced' });
      const next = { kind: 'watch', resourceVersion: input.resourceVersion } as const;
      return { state: { ...state, known, leaving, next, synced: true, told: undefined }, events };
    }
    case 'opened': {
      if (state.told === undefined) return { state, events: [] };
      return { state: { ...state, told: undefined }, events: [{ kind: 'recovered', path: place }] };
    }
    case 'changed':
      return stepChanges(state, input.changes);
    case 'settled':
      return stepSettled(state);
    case 'closed':
      return again(state, state.next, input.livedMs >= longEnoughMs ? 0 : state.attempts + 1);
    case 'expired':
      return again(state, { kind: 'list' });
    case 'failed': {
      const { reason, relist } = input.failure;
      const step = again({ ...state, told: reason }, relist ? { kind: 'list' } : state.next);
      return reason === state.told ? step : { ...step, events: [{ kind: 'failed', path: place, reason }] };
    }
  }
}

function stepChanges(state: WatchState, changes: readonly WatchChange[]): WatchStep {
  const known = new Map(state.known);
  const leaving = new Map(state.leaving);
  const events: SourceEvent[] = [];
  let { next } = state;
  for (const change of changes) {
    // Versions only grow. A smaller one is from another store: one that was restored from a backup.
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

/** Notes an object, and tells it if that is news. */
function put(known: Map<string, string>, { path, text }: ApiObject, events: SourceEvent[]): void {
  const hash = createHash('sha256').update(text).digest('base64');
  if (known.get(path) !== hash) events.push({ kind: 'content', path, text, settled: true });
  known.set(path, hash);
}

function again(state: WatchState, next: NextRequest, attempts = state.attempts + 1): WatchStep {
  return { state: { ...state, next, attempts }, events: [] };
}

/** Resource versions are decimal numbers that compare by size (KEP-5504); others compare as equal. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => (/^\d{1,20}$/.test(text) ? BigInt(text) : undefined));
  return a !== undefined && b !== undefined && a < b;
}
