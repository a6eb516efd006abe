import { basename, dirname, join } from 'node:path';

import type { SourceEvent } from '../../trust/source.ts';
import { mapBounded } from '../../async/map-bounded.ts';
import type { Failures } from './failures.ts';
import type { Files } from './files.ts';
import { createFolder, identityOf, isLinked, labelOf } from './folder.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { isDirectory, listFolder } from './listing.ts';
import type { Listing } from './listing.ts';
import { hasLostBytes, notUtf8 } from './names.ts';
import { isMissing, reasonOf } from './system-error.ts';
import type { Watches } from './watches.ts';

const concurrentFolders = 16;

/** The directories below the roots: which there are, and which must be listed again. */
export interface Tree {
  /** Lists what must be listed, until nothing is left to list; files found or lost are told to `files`. */
  scan(): Promise<readonly SourceEvent[]>;
  /** Has a folder listed by the next scan. */
  markFolder(folder: Folder): void;
  /** Has the next scan find out what has become of a name that may be a directory. */
  markChild(folder: Folder, name: string): void;
  /** Has the next scan try these failed paths again. */
  retry(paths: readonly string[]): void;
  /** Has everything listed by the next scan. */
  markAll(): void;
  readonly waiting: boolean;
  /** Gives all watches back. */
  close(): void;
}

interface TreeOptions {
  readonly io: DirectoryIo;
  readonly roots: readonly string[];
  readonly files: Files;
  readonly failures: Failures;
  readonly watches: Watches;
}

/** Makes the tree of some roots, which are directories or single files; its first scan lists all of it. */
export function createTree({ io, roots, files, failures, watches }: TreeOptions): Tree {
  const unresolved = new Set(roots);
  const folders = new Set<Folder>();
  const dirty = new Set<Folder>();
  const probes = new Map<string, Folder>();
  /** Which folder reads the directory with this real path: each is read once, whatever leads to it. */
  const owners = new Map<string, Folder>();
  const resolving = new Set(roots);
  /** Told by the next scan: the failures of folders that are gone. */
  const forgotten: SourceEvent[] = [];

  function add(folder: Folder): void {
    folders.add(folder);
    dirty.add(folder);
  }

  async function resolveRoot(root: string): Promise<readonly SourceEvent[]> {
    try {
      const isFolder = (await io.stat(root)).isDirectory();
      add(isFolder ? createFolder(root) : createFolder(dirname(root), undefined, basename(root)));
      unresolved.delete(root);
      return failures.succeed(root);
    } catch (error) {
      return failures.fail(root, reasonOf(error), io.now());
    }
  }

  async function probe(folder: Folder, name: string): Promise<void> {
    const child = folder.children.get(name);
    const isFolder = await isDirectory(io, join(folder.path, name));
    if (isFolder && child !== undefined) dirty.add(child);
    else if (isFolder) attach(folder, name);
    // Its parent's listing decides whether it is gone: the parent could be out of reach.
    else if (child !== undefined) dirty.add(folder);
  }

  function attach(parent: Folder, name: string): void {
    const child = createFolder(join(parent.path, name), parent);
    // A root below another root answers for itself.
    if (roots.includes(child.path)) return;
    parent.children.set(name, child);
    add(child);
  }

  function detach(folder: Folder): void {
    folder.attached = false;
    folder.parent?.children.delete(basename(folder.path));
    folders.delete(folder);
    dirty.delete(folder);
    forgotten.push(...failures.succeed(labelOf(folder)));
    empty(folder);
  }

  /** Lets go of all that is read through a folder; its files are looked at, and found absent. */
  function empty(folder: Folder): void {
    watches.release(folder);
    disown(folder);
    for (const child of folder.children.values()) detach(child);
    for (const name of folder.files) files.visit(folder, name);
  }

  function disown(folder: Folder): void {
    if (folder.real === undefined || owners.get(folder.real) !== folder) return;
    owners.delete(folder.real);
    // One that was passed over for this one can now take its place.
    for (const other of folders) if (other.shadowed) dirty.add(other);
  }

  /** Takes possession of the real directory; false where another folder already reads it. */
  function own(folder: Folder, real: string): boolean {
    const key = folder.only === undefined ? real : join(real, folder.only);
    const rival = owners.get(key) ?? (folder.only === undefined ? undefined : owners.get(real));
    if (folder.real !== key) disown(folder);
    folder.real = key;
    folder.shadowed = rival !== undefined && rival !== folder;
    if (folder.shadowed) empty(folder);
    else owners.set(key, folder);
    return !folder.shadowed;
  }

  async function identify(folder: Folder): Promise<Identity> {
    try {
      const identity = identityOf(await io.stat(folder.path));
      return { folder, identity, real: await io.realpath(folder.path) };
    } catch (error) {
      return { folder, error };
    }
  }

  async function list(folder: Folder, identity: string): Promise<readonly SourceEvent[]> {
    // Watch first, list then: what comes in between is seen by one of them.
    watches.ensure(folder, identity);
    folder.identity = identity;
    const { swapped } = folder;
    folder.swapped = false;
    try {
      take(folder, await listFolder(io, folder), swapped);
      folder.missed = false;
      return failures.succeed(labelOf(folder));
    } catch (error) {
      return fail(folder, error);
    }
  }

  function take(folder: Folder, listing: Listing, swapped: boolean): void {
    for (const name of folder.files) if (!listing.files.has(name)) files.visit(folder, name);
    for (const [name, isLink] of listing.files)
      files.visit(folder, name, { isLink, placed: swapped && (isLink || isLinked(folder)) });
    const names = new Set(listing.folders);
    for (const [name, child] of folder.children) {
      if (!names.has(name)) detach(child);
      else if (swapped || child.missed) {
        child.swapped ||= swapped;
        dirty.add(child);
      }
    }
    for (const name of names) if (!folder.children.has(name)) attach(folder, name);
  }

  function fail(folder: Folder, error: unknown): readonly SourceEvent[] {
    watches.release(folder);
    const { parent } = folder;
    if (isMissing(error) && parent?.attached === true && hasLostBytes(basename(folder.path)))
      return failures.fail(labelOf(folder), notUtf8, io.now());
    if (isMissing(error) && parent !== undefined) {
      // Its parent's next listing decides: without it, it is gone; with it, it is tried once more.
      const isOrphan = parent.missed || failures.has(labelOf(parent));
      if (!folder.missed && !isOrphan) dirty.add(parent);
      if (!folder.missed || isOrphan) {
        folder.missed = true;
        return [];
      }
    }
    return failures.fail(labelOf(folder), reasonOf(error), io.now());
  }

  async function scanDirty(): Promise<readonly SourceEvent[]> {
    // In a fixed order, so that which of two names of a directory counts does not depend on chance.
    const batch = [...dirty].sort(inOrder);
    dirty.clear();
    const events: SourceEvent[] = [];
    const ready: { folder: Folder; identity: string }[] = [];
    for (const found of await mapBounded(batch, concurrentFolders, identify)) {
      const { folder } = found;
      if (!folder.attached) continue;
      if ('error' in found) events.push(...fail(folder, found.error));
      else if (own(folder, found.real)) ready.push({ folder, identity: found.identity });
      else events.push(...failures.succeed(labelOf(folder)));
    }
    const listed = await mapBounded(ready, concurrentFolders, ({ folder, identity }) =>
      list(folder, identity),
    );
    return [...events, ...listed.flat()];
  }

  async function scan(): Promise<readonly SourceEvent[]> {
    const events: SourceEvent[] = [];
    const starting = [...resolving];
    resolving.clear();
    events.push(...(await mapBounded(starting, concurrentFolders, resolveRoot)).flat());
    const probing = [...probes];
    probes.clear();
    await mapBounded(probing, concurrentFolders, ([path, folder]) => probe(folder, basename(path)));
    while (dirty.size > 0) events.push(...(await scanDirty()));
    return [...events, ...forgotten.splice(0)];
  }

  return {
    scan,
    markFolder: (folder) => {
      if (folder.attached) dirty.add(folder);
    },
    markChild: (folder, name) => {
      if (folder.attached) probes.set(join(folder.path, name), folder);
    },
    retry: (paths) => {
      for (const path of paths) {
        if (unresolved.has(path)) resolving.add(path);
      }
      for (const folder of folders) if (paths.includes(labelOf(folder))) dirty.add(folder);
    },
    markAll: () => {
      for (const folder of folders) dirty.add(folder);
      for (const root of unresolved) resolving.add(root);
    },
    get waiting() {
      return dirty.size + probes.size + resolving.size > 0;
    },
    close: () => {
      for (const folder of folders) watches.release(folder);
    },
  };
}

type Identity =
  | { readonly folder: Folder; readonly identity: string; readonly real: string }
  | { readonly folder: Folder; readonly error: unknown };

/** Roots first, directories before single files, and every folder before what is in it. */
function inOrder(a: Folder, b: Folder): number {
  const byRoot = Number(a.parent !== undefined) - Number(b.parent !== undefined);
  const byKind = Number(a.only !== undefined) - Number(b.only !== undefined);
  return byRoot || byKind || (a.path < b.path ? -1 : Number(a.path > b.path));
}
