import type { ApiObject, ObjectHead } from './api-object.ts';

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
  /** No object has left for a while, or one has waited long enough. */
  | { readonly kind: 'settled' }
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

/** Objects as they are now, even if nothing of them has an effect on trust, and paths of those that are gone. */
export interface HeadChange {
  readonly put: readonly ObjectHead[];
  readonly gone: readonly string[];
}
