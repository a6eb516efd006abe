/**
 * What one source tells the rest of the program. A path is whatever names the piece of input to its user: a
 * file as it was named on the command line, or `kubernetes:namespace/name`.
 */
export type SourceEvent =
  /**
   * The text at `path`. `settled` says that it is known to be complete. The same text comes again as settled
   * once that is known. An empty text is told like any other: what it means is decided later.
   */
  | { readonly kind: 'content'; readonly path: string; readonly text: string; readonly settled: boolean }
  /** `path` exists and cannot be read; what was told about it before stands. */
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string }
  /** `path` is confirmed to be gone. */
  | { readonly kind: 'gone'; readonly path: string; readonly evidence: GoneEvidence }
  /** A place that holds many paths cannot be listed; nothing below it changes. */
  | { readonly kind: 'failed'; readonly path: string; readonly reason: string }
  /** What had failed can be listed again. */
  | { readonly kind: 'recovered'; readonly path: string }
  /** The first complete read is done; comes once, after everything that was found. */
  | { readonly kind: 'synced' };

/**
 * How it is known that something is gone. A `deletion` was seen: a DELETED of the API server, a file that was
 * taken out of a directory that is still the same. An `absence` is an inference: a list without the object, a
 * directory in place of the one that had the file. An empty API server and a lost volume look like that too.
 */
export type GoneEvidence = 'deletion' | 'absence';

/**
 * One batch is what became known together: the consumer handles it as one step. An empty batch says that all
 * that was told is still so. Must not throw.
 */
export type SourceSink = (events: readonly SourceEvent[]) => void;

/** A running source. */
export interface Source {
  readonly name: string;
  /** Stops it; when the promise resolves no timer, watch or read of it is left and nothing more is told. */
  close(): Promise<void>;
}
