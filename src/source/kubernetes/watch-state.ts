import { createHash } from 'node:crypto';

import type { SourceEvent } from '../source.ts';
import type { ApiObject } from './api-object.ts';

/** What the API server answered, or that it did not. */
export type WatchInput =
  /** All pages of a list. */
  | { readonly kind: 'listed'; readonly objects: readonly ApiObject[]; readonly resourceVersion: string }
  /** The API server accepted a watch. */
  | { readonly kind: 'opened' }
  /** Changes that came in one piece, in their order. */
  | { readonly kind: 'changed'; readonly changes: readonly WatchChange[] }
  /** The watch ended without an error, after so many milliseconds. */
  | { readonly kind: 'closed'; readonly livedMs: number }
  /** The API server no longer has what came after the known version (410 Gone). */
  | { readonly kind: 'expired' }
  /** A request failed. */
  | { readonly kind: 'failed'; readonly failure: RequestFailure };

export type WatchChange =
  | { readonly kind: 'put'; readonly object: ApiObject; readonly resourceVersion: string }
  | { readonly kind: 'deleted'; readonly path: string; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

export interface RequestFailure {
  /** For people, without what differs from one attempt to the next. */
  readonly reason: string;
  /** Whether what was known of versions may hold no longer, so that everything must be listed again. */
  readonly relist: boolean;
  /** How long the API server asks to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** What the source knows between two answers. */
export interface WatchState {
  /** Hash of the text of each object, as it was last told. */
  readonly known: ReadonlyMap<string, string>;
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
  next: { kind: 'list' },
  attempts: 0,
  synced: false,
  told: undefined,
};

/**
 * What an answer means. An object is gone when the API server says that it was deleted, or leaves it out of a
 * complete list; nothing else takes one away, whatever fails. A list is one step: what it adds stands before
 * what it takes away, and nothing in between is told.
 */
export function stepWatch(state: WatchState, input: WatchInput, place: string): WatchStep {
  switch (input.kind) {
    case 'listed': {
      const known = new Map<string, string>();
      const events: SourceEvent[] = [];
      for (const object of input.objects) {
        const hash = hashOf(object.text);
        if (state.known.get(object.path) !== hash) events.push(contentOf(object));
        known.set(object.path, hash);
      }
      for (const path of state.known.keys()) if (!known.has(path)) events.push({ kind: 'gone', path });
      if (state.told !== undefined) events.push({ kind: 'recovered', path: place });
      if (!state.synced) events.push({ kind: 'synced' });
      const next = { kind: 'watch', resourceVersion: input.resourceVersion } as const;
      return { state: { ...state, known, next, synced: true, told: undefined }, events };
    }
    case 'opened': {
      if (state.told === undefined) return { state, events: [] };
      return { state: { ...state, told: undefined }, events: [{ kind: 'recovered', path: place }] };
    }
    case 'changed':
      return stepChanges(state, input.changes);
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
  const events: SourceEvent[] = [];
  let next = state.next;
  for (const change of changes) {
    // Versions only grow. A smaller one is from another store: one that was restored from a backup.
    if (next.kind === 'watch' && isOlder(change.resourceVersion, next.resourceVersion)) {
      return { state: { ...state, known, next: { kind: 'list' }, attempts: 0 }, events };
    }
    next = { kind: 'watch', resourceVersion: change.resourceVersion };
    if (change.kind === 'deleted') {
      if (known.delete(change.path)) events.push({ kind: 'gone', path: change.path });
    } else if (change.kind === 'put') {
      const hash = hashOf(change.object.text);
      if (known.get(change.object.path) !== hash) events.push(contentOf(change.object));
      known.set(change.object.path, hash);
    }
  }
  return { state: { ...state, known, next, attempts: 0 }, events };
}

function again(state: WatchState, next: NextRequest, attempts = state.attempts + 1): WatchStep {
  return { state: { ...state, next, attempts }, events: [] };
}

function contentOf({ path, text }: ApiObject): SourceEvent {
  return { kind: 'content', path, text, settled: true };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** Resource versions are decimal numbers that compare by size (KEP-5504); others compare as equal. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => (/^\d{1,20}$/.test(text) ? BigInt(text) : undefined));
  return a !== undefined && b !== undefined && a < b;
}
