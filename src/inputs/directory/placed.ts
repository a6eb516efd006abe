import type { FileState, Version } from './file-state.ts';

/** How often a directory watch named a file, by what `fs.watch` calls the event. */
export interface Notices {
  /** Created, deleted, moved away or moved here. */
  readonly renames: number;
  /** Written to, or its attributes changed. */
  readonly changes: number;
}

/**
 * Whether a file came to its name complete, by rename or link, and was not written to since: judged from what
 * was known before, from all notices since then (those that were queued while it was read included), and from
 * its `stat`. False where that is not certain; the file is then settled by waiting.
 *
 * Two facts carry it. A name that was taken can be created again only after a notice of its deletion, so a
 * single rename notice together with another inode is a rename over the old file. And a write sets a file's
 * modification and change time to one value, while rename and link move the change time alone.
 */
export function isPlaced(before: FileState, notices: Notices, version: Version): boolean {
  if (notices.changes > 0 || notices.renames === 0 || version.size === 0n) return false;
  const replaced = before.kind === 'read' && notices.renames === 1 && !sameFile(before.version, version);
  return replaced || version.ctimeNs > version.mtimeNs;
}

function sameFile(a: Version, b: Version): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
