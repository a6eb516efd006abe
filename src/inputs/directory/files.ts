import { join } from 'node:path';

import type { SourceEvent } from '../../trust/source.ts';
import { mapBounded } from '../../async/map-bounded.ts';
import { sameVersion, stepFile, unseen } from './file-state.ts';
import type { ContentSighting, FileState, Sighting } from './file-state.ts';
import { identityOf, isSwapping } from './folder.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { isMissing, reasonOf } from './system-error.ts';
import { hasLostBytes, isSwapped, notUtf8 } from './names.ts';
import { isPlaced } from './placed.ts';
import { readText } from './read-text.ts';
import type { Targets } from './targets.ts';

/** Reads under way at a time. More than the file system has threads: a thread with a queue need not be woken. */
const concurrentReads = 64;

/** How soon a look is repeated that told nothing and that no notice will repeat. */
const retryMs = 1_000;

/** Looks at a file that is made again and again before it is left for the next notice. */
const longestChase = 3;

/** File times are those of the kernel's last tick: a change can be that much younger than they say. */
const tickMs = 10;

/** The files that are known or suspected, and the looks that are due at them. */
export interface Files {
  /** A watch named this file. */
  notice(folder: Folder, name: string, kind: 'rename' | 'change'): void;
  /** A listing has, or had, this file. */
  visit(folder: Folder, name: string, listed?: ListedAs): void;
  /** Makes the looks whose time has come part of the next round. */
  wake(now: number): void;
  /** Looks at every file that was named since the last round; what became known is one batch. */
  round(): Promise<readonly SourceEvent[]>;
  /** Whether a round has anything to do. */
  readonly waiting: boolean;
  /** When the next look is due although nothing happens, in monotonic milliseconds. */
  next(): number | undefined;
}

/** What a listing tells of a file. */
export interface ListedAs {
  readonly isLink: boolean;
  /** Published by a swap of links, thus complete. */
  readonly placed: boolean;
}

interface FilesOptions {
  readonly io: DirectoryIo;
  readonly settleMs: number;
  readonly maxFileBytes: number;
  /** The folder cannot be reached, although it was listed before. */
  readonly onUnreachable: (folder: Folder) => void;
  /** The target of a link has changed: a round has something to do. */
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
  /** A symbolic link, by the last listing or, where it was renamed or made since, by its own `lstat`. */
  isLink: boolean;
  /** Published by a swap of links. */
  placed: boolean;
  /** Read even if `stat` shows nothing new: two writes in one tick of the clock can leave it as it was. */
  mustRead: boolean;
  /** The directory in which it was when it was read last (see `Folder.identity`). */
  home: string | undefined;
  /** A root that is a single file and is not there. */
  lost: boolean;
  /** Whether the last listing had it. */
  listed: boolean;
}

/** Makes an empty table of files. */
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
      home: undefined,
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
    const looks = [...dirty].map((entry) => ({ entry, renames: entry.renames, changes: entry.changes }));
    dirty.clear();
    const sightings = await mapBounded(looks, concurrentReads, ({ entry }) => look(entry));
    await io.noticesDelivered();
    const events: SourceEvent[] = [];
    for (const [index, { entry, renames, changes }] of looks.entries()) {
      const sighting = sightings[index];
      // Read while the links were swapped once more: half of a batch could be old. The coming scan reads anew.
      if (sighting === undefined || isSwapping(entry.folder)) continue;
      events.push(...settle(entry, sighting));
      // What came after the look began may be news to the next look, too.
      entry.renames -= renames;
      entry.changes -= changes;
    }
    return events;
  }

  async function look(entry: Entry, attempt = 1): Promise<Sighting> {
    const { folder, state } = entry;
    const mustRead = entry.mustRead || state.kind !== 'read' || !state.settled;
    entry.mustRead = false;
    if (!folder.attached || folder.shadowed) {
      return (await succeeds(io.stat(nearest(folder).path))) ? absent(entry, undefined) : { kind: 'unknown' };
    }
    try {
      if (!mustRead && sameVersion(state.version, await io.stat(entry.path))) return { kind: 'same' };
      const reading = await readText(io, entry.path, maxFileBytes);
      if (entry.renames > 0) entry.isLink = (await io.lstat(entry.path)).isSymbolicLink();
      await followLink(entry);
      if (reading.kind === 'unreadable') return reading;
      const { version, text, hash, whole } = reading;
      const changedNs = version.mtimeNs > version.ctimeNs ? version.mtimeNs : version.ctimeNs;
      const ageMs = whole ? Number((io.wallNs() - changedNs) / 1_000_000n) - tickMs : 0;
      return { kind: 'content', version, text, hash, ageMs, placed: whole && entry.placed };
    } catch (error) {
      return missing(entry, error, attempt);
    }
  }

  /** Has the target of a link watched where it is. One that a swap publishes is not written to. */
  async function followLink(entry: Entry): Promise<void> {
    const { path, isLink } = entry;
    const target = isLink ? await io.realpath(path) : undefined;
    targets.track(path, target !== undefined && isSwapped(target) ? undefined : target, () => {
      entry.mustRead = true;
      entry.changes += 1;
      dirty.add(entry);
      onTargetChange();
    });
  }

  /** Tells a deleted file from one that cannot be read and from one whose directory is out of reach. */
  async function missing(entry: Entry, error: unknown, attempt: number): Promise<Sighting> {
    const { folder, path, name } = entry;
    if (!isMissing(error)) return { kind: 'unreadable', reason: reasonOf(error) };
    const found = await io.lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink() === true)
      return { kind: 'unreadable', reason: 'is a dangling symbolic link' };
    if (found !== undefined) {
      // Made again since it was opened.
      entry.mustRead = true;
      return attempt < longestChase ? look(entry, attempt + 1) : { kind: 'unknown' };
    }
    if (entry.listed && hasLostBytes(name)) return { kind: 'unreadable', reason: notUtf8 };
    try {
      return absent(entry, identityOf(await io.stat(folder.path)));
    } catch {
      onUnreachable(folder);
      return { kind: 'unknown' };
    }
  }

  function settle(entry: Entry, seen: Sighting): readonly SourceEvent[] {
    const { path, folder, state: before } = entry;
    if (seen.kind === 'content' || seen.kind === 'same') entry.home = folder.identity;
    const sighting = seen.kind === 'content' ? withPlacing(entry, seen) : rootIsKept(folder, seen);
    const { state, event, lookAt } = stepFile(path, before, sighting, io.now(), settleMs);
    entry.state = state;
    entry.placed = false;
    due.delete(entry);
    if (lookAt !== undefined) due.set(entry, lookAt);
    // A listing of its folder would bring it back to mind, but that folder is no more.
    else if (seen.kind === 'unknown' && !folder.attached) due.set(entry, io.now() + retryMs);
    if (state.kind === 'unseen' && !dirty.has(entry)) forget(entry);
    if (event === undefined) return [];
    return folder.only === undefined ? [event] : asRoot(entry, event);
  }

  /** Decides `placed` as soon as all notices are in. What a link leads to is written where no notice is taken. */
  function withPlacing(entry: Entry, seen: ContentSighting): Sighting {
    const isJudged = io.hasExactNotices && !entry.isLink;
    return { ...seen, placed: seen.placed || (isJudged && isPlaced(entry.state, entry, seen.version)) };
  }

  function forget({ path, name, folder }: Entry): void {
    entries.delete(path);
    folder.files.delete(name);
    targets.track(path, undefined, onTargetChange);
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
      // A listing stands for notices that may have been missed: none of the file's own is enough any more.
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
    next: () => (due.size === 0 ? undefined : due.values().reduce((a, b) => Math.min(a, b))),
  };
}

/** It is not in the directory at its place (`found`; undefined if there is none): the one it was in, or another. */
function absent({ renames, home }: Entry, found: string | undefined): Sighting {
  const evidence = home !== undefined && home === found ? 'deletion' : 'absence';
  return { kind: 'absent', noticed: renames > 0, evidence };
}

/** The folder that answers for this one: itself, or the first above it that is still part of the tree. */
function nearest(folder: Folder): Folder {
  return folder.attached || folder.parent === undefined ? folder : nearest(folder.parent);
}

const noSuchRoot = 'no such file';

/** A root that is a single file is never deleted: like a directory that is not there, it changes nothing. */
function rootIsKept(folder: Folder, sighting: Sighting): Sighting {
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
