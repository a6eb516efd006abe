/**
 * One event of a source. A path names the input as its user does: a file as named on the command line, or
 * `kubernetes:namespace/name`.
 */
export type SourceEvent =
  /**
   * The text at `path`. `settled` is true once the text is known to be complete; the same text is then delivered again.
   * An empty text is delivered like any other: a later stage decides what it means.
   */
  | { readonly kind: 'content'; readonly path: string; readonly text: string; readonly settled: boolean }
  /** `path` exists but cannot be read; its last text stays valid. */
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string }
  /** `path` exists, but its content is not known yet. What an earlier run restored of it stays valid. */
  | { readonly kind: 'kept'; readonly path: string }
  /** The removal of `path` is confirmed. */
  | { readonly kind: 'gone'; readonly path: string; readonly evidence: GoneEvidence }
  /** A directory or list of paths cannot be read; nothing below it changes. */
  | { readonly kind: 'failed'; readonly path: string; readonly reason: string }
  /** A path that had failed can be listed again. */
  | { readonly kind: 'recovered'; readonly path: string }
  /** The first complete read is done. Delivered once, after all paths that it found. */
  | { readonly kind: 'synced' };

/**
 * The evidence of a removal. A `deletion` was observed: a DELETED event of the API server, or a file removed from a
 * directory that is still the same. An `absence` is inferred: a list without the object, or another directory in place
 * of the one with the file. An empty API server and a lost volume also look like an absence.
 */
export type GoneEvidence = 'deletion' | 'absence';

/**
 * Receives batches of events. The consumer applies one batch in one step. An empty batch confirms that everything
 * delivered before is still valid. It must not throw: a source does not deliver an event again.
 */
export type SourceSink = (events: readonly SourceEvent[]) => void;

/** A running source. */
export interface Source {
  readonly name: string;
  /** Stops the source. When the promise resolves, it has no timer, watch or read left and delivers nothing more. */
  close(): Promise<void>;
}
