import type { ApiObject, ObjectHead } from './api-object.ts';

/** A response of the API server, or a failure. */
export type WatchInput =
  /** All pages of a list. */
  | { readonly kind: 'listed'; readonly objects: readonly ApiObject[]; readonly resourceVersion: string }
  /** The API server accepted a watch. */
  | { readonly kind: 'opened' }
  /** Changes that arrived together, in order. */
  | { readonly kind: 'changed'; readonly changes: readonly WatchChange[] }
  /** The watch ended, or its connection broke, after the given time. */
  | { readonly kind: 'closed'; readonly livedMs: number }
  /** The watch was given up, because the API server sent neither a change nor a bookmark for too long. */
  | { readonly kind: 'silent' }
  /** The API server no longer has the changes since the known resource version (410 Gone). */
  | { readonly kind: 'expired' }
  /** The pending deletions have waited long enough and must be reported now. */
  | { readonly kind: 'settled' }
  /** A request failed. */
  | { readonly kind: 'failed'; readonly failure: RequestFailure };

export type WatchChange =
  | { readonly kind: 'put'; readonly object: ApiObject; readonly resourceVersion: string }
  | { readonly kind: 'deleted'; readonly path: string; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

export interface RequestFailure {
  /** True if the API server has no such resource (404). */
  readonly isAbsent?: boolean | undefined;
  /** For people. It does not contain details that differ from one attempt to the next. */
  readonly reason: string;
  /** True if the known resource version may be invalid, so that everything must be listed again. */
  readonly relist: boolean;
  /** The pause that the API server requested, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Objects that were added or changed, even without an effect on trust, and the paths of deleted objects. */
export interface HeadChange {
  readonly put: readonly ObjectHead[];
  readonly gone: readonly string[];
}
