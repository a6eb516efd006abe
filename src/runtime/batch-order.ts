import type { SourceEvent } from '../trust/source.ts';

/** A batch of a source that is not applied yet. */
export interface PendingBatch {
  readonly source: string;
  readonly paths: ReadonlySet<string>;
  /** It removes paths, or it is parsed and may withdraw something that its paths gave before. */
  removes: boolean;
  /** It ends the first complete read. */
  readonly isSync: boolean;
}

/** Returns what the order of a batch depends on. */
export function pendingBatch(source: string, events: readonly SourceEvent[]): PendingBatch {
  return {
    source,
    paths: new Set(events.flatMap((event) => (event.kind === 'synced' ? [] : event.path))),
    removes: events.some(({ kind }) => kind === 'gone'),
    isSync: events.some(({ kind }) => kind === 'synced'),
  };
}

/**
 * Returns whether a batch must be applied after an earlier one. Other batches may overtake it, so that a file that is
 * slow to parse does not delay them.
 *
 * The events of one path keep their order. A removal waits for everything before it: where a resource moves to another
 * file, its trust must not be withdrawn before the other file is parsed. A text that lacks what its file had is a
 * removal as well, but that is known only when it is parsed. The end of the first read waits for the read.
 */
export function mustFollow(batch: PendingBatch, earlier: PendingBatch): boolean {
  if (batch.source !== earlier.source) return false;
  if (batch.removes || batch.isSync || earlier.isSync) return true;
  return !batch.paths.isDisjointFrom(earlier.paths);
}
