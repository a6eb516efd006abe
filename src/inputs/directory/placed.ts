import type { FileState, Version } from './file-state.ts';

/** The number of notices of a directory watch about a file, by the event type of `fs.watch`. */
export interface Notices {
  /** The file was created or deleted, or it was moved here or away. */
  readonly renames: number;
  /** The file was written, or its attributes changed. */
  readonly changes: number;
}

/**
 * Returns true if the complete file was moved or linked to its name, and was not written since then. The inputs are the
 * state before, all notices since then (including those that were queued during the read), and its `stat`. Returns
 * false if that is not certain. Such a file settles by waiting.
 *
 * This relies on two facts. A file can be created under an existing name only after a notice of the deletion. So a
 * single rename notice and another inode mean that a file was renamed over the old one. And a write sets the
 * modification time and the change time to the same value, while rename and link set only the change time.
 */
export function isPlaced(before: FileState, notices: Notices, version: Version): boolean {
  if (notices.changes > 0 || notices.renames === 0 || version.size === 0n) return false;
  const replaced = before.kind === 'read' && notices.renames === 1 && !sameFile(before.version, version);
  return replaced || version.ctimeNs > version.mtimeNs;
}

function sameFile(a: Version, b: Version): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
