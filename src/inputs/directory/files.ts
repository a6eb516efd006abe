import { join } from 'node:path';
import type { SourceEvent } from '../../trust/source.ts';
import { mapBounded } from '../../net/map-bounded.ts';
import { sameVersion, stepFile, unseen, isPlaced } from './file-state.ts';
import type { ContentSighting, FileState, Sighting } from './file-state.ts';
import { identityOf, isSwapping, realDirectoryOf } from './folder.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { isMissing, reasonOf } from '../../text/system-error.ts';
import { linksBehind } from './links.ts';
import { danglingLink, hasLostBytes, isSwapped, notUtf8 } from './names.ts';
import { readText } from './read-text.ts';
import type { Targets } from './targets.ts';

/** Number of concurrent reads. Node has fewer file system threads, but a thread with a queue need not be woken. */
const concurrentReads = 64;

/** Time until a check without a result is repeated, if no notice will repeat it. In milliseconds. */
const retryMs = 1_000;

/** Maximum number of checks of a file that is repeatedly created again. */
const maxAttempts = 3;

/** File times have the resolution of the kernel's clock tick: a change can be younger by this time. */
const tickMs = 10;

/** The files that exist or may exist, and the checks of them that are due. */
export interface Files {
  /** Records a notice of a watch about this file. */
  notice(folder: Folder, name: string, kind: 'rename' | 'change'): void;
  /** Records that a listing contains this file, or does not contain it any more. */
  visit(folder: Folder, name: string, listed?: ListedAs): void;
  /** Adds the checks that are due to the next round. */
  wake(now: number): void;
  /** Checks every file with a notice or visit since the last round. Returns all events as one batch. */
  round(): Promise<readonly SourceEvent[]>;
  /** True if a round has files to check. */
  readonly waiting: boolean;
  /** True if there are files of which nothing is known yet, although they exist or may exist. */
  readonly hasUnread: boolean;
  /** Returns the time of the next check that is due without a notice, in monotonic milliseconds. */
  next(): number | undefined;
}

/** The properties of a file in a listing. */
interface ListedAs {
  readonly isLink: boolean;
  /** True if the file was published by a swap of links, so it is complete. */
  readonly placed: boolean;
}

interface FilesOptions {
  readonly io: DirectoryIo;
  readonly settleMs: number;
  readonly maxFileBytes: number;
  /** Called if a folder cannot be reached that was listed before. */
  readonly onUnreachable: (folder: Folder) => void;
  /** Called when the target of a link may have changed, so the next round has files to check. */
  readonly onTargetChange: () => void;
  readonly targets: Targets;
}

interface Entry {
  readonly path: string;
  readonly name: string;
  folder: Folder;
  state: FileState;
  renames: number;
  changes: number;
  /** True for a symbolic link: by the last listing, or by `lstat` if the file was created or renamed since then. */
  isLink: boolean;
  /** True if the file was published by a swap of links. */
  placed: boolean;
  /** True if the file must be read even if `stat` is unchanged: two writes can fall into one clock tick. */
  mustRead: boolean;
  /** Identity of the directory that contained the file when it was read last (see `Folder.identity`). */
  directory: string | undefined;
  /** True for a root that is a single file and does not exist. */
  lost: boolean;
  /** True if the last listing contained the file. */
  listed: boolean;
}

/** Creates an empty table of files. */
export function createFiles(options: FilesOptions): Files {
  const { io, settleMs, maxFileBytes, onUnreachable, onTargetChange, targets } = options;
  const entries = new Map<string, Entry>();
  const dirty = new Set<Entry>();
  const due = new Map<Entry, number>();

  function entryOf(folder: Folder, name: string): Entry {
    const path = join(folder.path, name);
    const entry = entries.get(path) ?? {
      path,
      name,
      folder,
      state: unseen,
      renames: 0,
      changes: 0,
      isLink: false,
      placed: false,
      mustRead: false,
      directory: undefined,
      lost: false,
      listed: false,
    };
    entry.folder = folder;
    folder.files.add(name);
    entries.set(path, entry);
    dirty.add(entry);
    return entry;
  }

  async function round(): Promise<readonly SourceEvent[]> {
    const checks = [...dirty].map((entry) => ({ entry, renames: entry.renames, changes: entry.changes }));
    dirty.clear();
    const sightings = await mapBounded(checks, concurrentReads, ({ entry }) => check(entry));
    await io.noticesDelivered();
    const events: SourceEvent[] = [];
    for (const [index, { entry, renames, changes }] of checks.entries()) {
      const sighting = sightings[index];
      // The links were swapped again during the round, so a part of the batch could be old. The next scan reads again.
      if (sighting === undefined || isSwapping(entry.folder)) continue;
      events.push(...apply(entry, sighting));
      // Notices that arrived during the check count for the next check, too.
      entry.renames -= renames;
      entry.changes -= changes;
    }
    return events;
  }

  async function check(entry: Entry, attempt = 1): Promise<Sighting> {
    const { folder, state } = entry;
    const mustRead = entry.mustRead || state.kind !== 'read' || !state.settled;
    entry.mustRead = false;
    if (!folder.attached || folder.shadowed) {
      return (await succeeds(io.stat(nearest(folder).path))) ? absent(entry, undefined) : { kind: 'unknown' };
    }
    try {
      if (!mustRead && sameVersion(state.version, await io.stat(entry.path))) return { kind: 'same' };
      if (entry.renames > 0) entry.isLink = (await io.lstat(entry.path)).isSymbolicLink();
      // The watch starts before the read, so that one of them shows each change in between.
      await followLink(entry);
      const reading = await readText(io, entry.path, maxFileBytes);
      if (reading.kind === 'unreadable') return reading;
      const { version, text, hash, whole } = reading;
      const changedNs = version.mtimeNs > version.ctimeNs ? version.mtimeNs : version.ctimeNs;
      const ageMs = whole ? Number((io.wallNs() - changedNs) / 1_000_000n) - tickMs : 0;
      return { kind: 'content', version, text, hash, ageMs, placed: whole && entry.placed };
    } catch (error) {
      return missing(entry, error, attempt);
    }
  }

  /**
   * Watches the target of a link, and the links on the way to it. Targets that a swap publishes are never written, so
   * they are not watched.
   */
  async function followLink(entry: Entry): Promise<void> {
    const { path, name, folder, isLink } = entry;
    const directory = realDirectoryOf(folder);
    if (!isLink || directory === undefined) return targets.untrack(path);
    const { links, end } = await linksBehind(io, directory, name);
    const isWatched = end !== undefined && !isSwapped(end);
    targets.track(path, isWatched ? [...links, end] : links, () => {
      entry.mustRead = true;
      entry.changes += 1;
      dirty.add(entry);
      onTargetChange();
    });
  }

  /** Distinguishes a deleted file from one that cannot be read, and from one whose directory cannot be reached. */
  async function missing(entry: Entry, error: unknown, attempt: number): Promise<Sighting> {
    const { folder, path, name } = entry;
    if (!isMissing(error)) return { kind: 'unreadable', reason: reasonOf(error) };
    const found = await io.lstat(path).catch((failure: unknown) => failure as Error);
    if (found instanceof Error && !isMissing(found)) return { kind: 'unreadable', reason: reasonOf(found) };
    if (!(found instanceof Error)) {
      if (found.isSymbolicLink()) return { kind: 'unreadable', reason: danglingLink };
      // The file was created again after the attempt to open it.
      entry.mustRead = true;
      return attempt < maxAttempts ? check(entry, attempt + 1) : { kind: 'unknown' };
    }
    if (entry.listed && hasLostBytes(name)) return { kind: 'unreadable', reason: notUtf8 };
    try {
      return absent(entry, identityOf(await io.stat(folder.path)));
    } catch {
      onUnreachable(folder);
      return { kind: 'unknown' };
    }
  }

  function apply(entry: Entry, seen: Sighting): readonly SourceEvent[] {
    const { path, folder, state: before } = entry;
    if (seen.kind === 'content' || seen.kind === 'same') entry.directory = folder.identity;
    const sighting = seen.kind === 'content' ? withPlaced(entry, seen) : withoutRootDeletion(folder, seen);
    const { state, event, checkAt } = stepFile(path, before, sighting, io.now(), settleMs);
    entry.state = state;
    entry.placed = false;
    due.delete(entry);
    if (checkAt !== undefined) due.set(entry, checkAt);
    // A listing of its folder would repeat the check, but that folder is not part of the tree any more. And the first
    // read must not end without a file that exists.
    else if (seen.kind === 'unknown' && (!folder.attached || state.kind === 'unseen'))
      due.set(entry, io.now() + retryMs);
    if (state.kind === 'unseen' && seen.kind !== 'unknown' && !dirty.has(entry)) forget(entry);
    if (event === undefined) return [];
    return folder.only === undefined ? [event] : asRoot(entry, event);
  }

  /** Decides `placed`, after all notices have arrived. Not for links: notices do not cover writes to their target. */
  function withPlaced(entry: Entry, seen: ContentSighting): Sighting {
    const isDecidable = io.hasExactNotices && !entry.isLink;
    return { ...seen, placed: seen.placed || (isDecidable && isPlaced(entry.state, entry, seen.version)) };
  }

  function forget({ path, name, folder }: Entry): void {
    entries.delete(path);
    folder.files.delete(name);
    targets.untrack(path);
  }

  return {
    notice: (folder, name, kind) => {
      const entry = entryOf(folder, name);
      entry.mustRead = true;
      if (kind === 'rename') entry.renames += 1;
      else entry.changes += 1;
    },
    visit: (folder, name, listed) => {
      const entry = entryOf(folder, name);
      entry.isLink = listed?.isLink ?? entry.isLink;
      entry.listed = listed !== undefined;
      entry.placed ||= listed?.placed ?? false;
      // A listing may replace lost notices, so the notices of this file are not complete any more.
      entry.changes += 1;
    },
    wake: (now) => {
      for (const [entry, at] of due) {
        if (at <= now) dirty.add(entry);
      }
    },
    round,
    get waiting() {
      return dirty.size > 0;
    },
    get hasUnread() {
      // Those that are due without having been seen are unknown.
      return dirty.values().some(isUnseen) || due.keys().some(isUnseen);
    },
    next: () => (due.size === 0 ? undefined : due.values().reduce((a, b) => Math.min(a, b))),
  };
}

/**
 * Returns the sighting of a file that is absent from its directory. `found`: the identity of the directory at that path
 * now, if it exists. The evidence is a deletion only if it is the directory that contained the file.
 */
function absent({ renames, directory }: Entry, found: string | undefined): Sighting {
  const evidence = directory !== undefined && directory === found ? 'deletion' : 'absence';
  return { kind: 'absent', noticed: renames > 0, evidence };
}

function isUnseen({ state }: Entry): boolean {
  return state.kind === 'unseen';
}

/** Returns the folder, or its nearest ancestor that is still part of the tree. */
function nearest(folder: Folder): Folder {
  return folder.attached || folder.parent === undefined ? folder : nearest(folder.parent);
}

const noSuchRoot = 'no such file';

/** A root that is a single file is never reported as gone. Like a missing directory, it withdraws nothing. */
function withoutRootDeletion(folder: Folder, sighting: Sighting): Sighting {
  const isLost = folder.only !== undefined && !folder.shadowed && sighting.kind === 'absent';
  return isLost ? { kind: 'unreadable', reason: noSuchRoot } : sighting;
}

function asRoot(entry: Entry, event: SourceEvent): readonly SourceEvent[] {
  const { path } = entry;
  const wasLost = entry.lost;
  entry.lost = event.kind === 'unreadable' && event.reason === noSuchRoot;
  if (entry.lost) return [{ kind: 'failed', path, reason: noSuchRoot }];
  return wasLost ? [{ kind: 'recovered', path }, event] : [event];
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
