import { basename, dirname, join } from 'node:path';

import type { SourceEvent } from '../../trust/source.ts';
import { mapBounded } from '../../net/map-bounded.ts';
import { createDirectoryReaders } from './directory-readers.ts';
import type { Failures } from './failures.ts';
import type { Files } from './files.ts';
import { createFolder, identityOf, isLinked } from './folder.ts';
import type { FolderLinks } from './folder-links.ts';
import type { Folder } from './folder.ts';
import type { DirectoryIo } from './io.ts';
import { listFolder } from './listing.ts';
import type { Listing } from './listing.ts';
import { danglingLink, hasLostBytes, notUtf8 } from './names.ts';
import { isMissing, reasonOf } from '../../text/system-error.ts';
import type { Watches } from './watches.ts';
import { compareText } from '../../text/compare-text.ts';

const concurrentFolders = 16;

/** The directories below the roots, and those that must be listed again. */
export interface Tree {
  /** Lists all marked folders, until none is left. Passes files that it finds or misses to `files`. */
  scan(): Promise<readonly SourceEvent[]>;
  /** Makes the next scan list a folder. */
  markFolder(folder: Folder): void;
  /** Makes the next scan check a name that may be a directory. */
  markChild(folder: Folder, name: string): void;
  /** Makes the next scan try these failed paths again. */
  retry(paths: readonly string[]): void;
  /** Makes the next scan list everything. */
  markAll(): void;
  /** True if a scan has folders to list. */
  readonly waiting: boolean;
  /** Releases all watches. */
  close(): void;
}

interface TreeOptions {
  readonly io: DirectoryIo;
  readonly roots: readonly string[];
  readonly files: Files;
  readonly failures: Failures;
  readonly watches: Watches;
  readonly links: FolderLinks;
}

/** Creates the tree of some roots, which are directories or single files. The first scan lists everything. */
export function createTree({ io, roots, files, failures, watches, links }: TreeOptions): Tree {
  const unresolved = new Set(roots);
  const folders = new Set<Folder>();
  const dirty = new Set<Folder>();
  const probes = new Map<string, Folder>();
  const readers = createDirectoryReaders((folder) => dirty.add(folder));
  const resolving = new Set(roots);
  /** Events about failed folders that were removed. The next scan returns them. */
  const forgotten: SourceEvent[] = [];

  function add(folder: Folder): void {
    folders.add(folder);
    dirty.add(folder);
  }

  async function resolveRoot(root: string): Promise<readonly SourceEvent[]> {
    try {
      const isFolder = (await io.stat(root)).isDirectory();
      add(isFolder ? createFolder(root) : createFolder(dirname(root), undefined, basename(root), root));
      unresolved.delete(root);
      return failures.succeed(root);
    } catch (error) {
      return failures.fail(root, reasonOf(error), io.now());
    }
  }

  async function probe(folder: Folder, name: string): Promise<void> {
    const child = folder.children.get(name);
    const path = join(folder.path, name);
    const isFolder = await io.stat(path).then(
      (stat) => stat.isDirectory(),
      () => undefined,
    );
    if (isFolder === true && child !== undefined) dirty.add(child);
    else if (isFolder === true) attach(folder, name);
    // The listing of the parent decides whether it is gone, because the parent could be unreachable.
    else if (child !== undefined || (isFolder === undefined && (await mayExist(io, path)))) dirty.add(folder);
  }

  function attach(parent: Folder, name: string): Folder {
    const child = createFolder(join(parent.path, name), parent);
    // A root below another root is read as a root.
    if (roots.includes(child.path)) return child;
    parent.children.set(name, child);
    add(child);
    return child;
  }

  function detach(folder: Folder): void {
    folder.attached = false;
    folder.parent?.children.delete(basename(folder.path));
    folders.delete(folder);
    readers.forget(folder);
    dirty.delete(folder);
    links.forget(folder);
    forgotten.push(...failures.succeed(folder.label));
    empty(folder);
  }

  /** Releases everything that is read by a folder. The next round checks its files and finds them absent. */
  function empty(folder: Folder): void {
    watches.release(folder);
    readers.release(folder);
    // Only a listing would end the swap, and this folder is not listed any more.
    folder.swapped = false;
    for (const child of folder.children.values()) detach(child);
    for (const name of folder.files) files.visit(folder, name);
  }

  async function findFolder(folder: Folder): Promise<Identity> {
    // The watches start before the links are followed, so that one of them shows each change in between.
    await links.follow(folder);
    return identify(io, folder);
  }

  async function list(folder: Folder, identity: string): Promise<readonly SourceEvent[]> {
    // The watch starts before the listing, so that one of them shows each change in between.
    watches.ensure(folder, identity);
    folder.replaced ||= folder.identity !== undefined && folder.identity !== identity;
    folder.identity = identity;
    const { swapped } = folder;
    folder.swapped = false;
    try {
      applyListing(folder, await listFolder(io, folder), swapped);
      folder.replaced = false;
      folder.missed = false;
      return failures.succeed(folder.label);
    } catch (error) {
      return fail(folder, error);
    }
  }

  function applyListing(folder: Folder, listing: Listing, swapped: boolean): void {
    for (const name of folder.files) if (!listing.files.has(name)) files.visit(folder, name);
    for (const [name, isLink] of listing.files)
      files.visit(folder, name, { isLink, placed: swapped && (isLink || isLinked(folder)) });
    const names = new Set(listing.folders);
    for (const [name, child] of folder.children) {
      if (!names.has(name)) detach(child);
      else if (swapped || folder.replaced || child.missed || listing.broken.has(name)) {
        child.swapped ||= swapped;
        dirty.add(child);
      }
    }
    for (const name of names) {
      const child = folder.children.get(name) ?? attach(folder, name);
      child.dangling = isMissing(listing.broken.get(name));
      // This listing already contains the link, so a missing target needs no other one.
      child.missed ||= child.dangling;
    }
  }

  function fail(folder: Folder, error: unknown): readonly SourceEvent[] {
    watches.release(folder);
    const { parent } = folder;
    if (isMissing(error) && parent?.attached === true && hasLostBytes(basename(folder.path)))
      return failures.fail(folder.label, notUtf8, io.now());
    if (isMissing(error) && parent !== undefined) {
      // The next listing of the parent decides. If it contains the folder, the folder is tried again.
      const isOrphan = parent.missed || failures.has(parent.label);
      if (!folder.missed && !isOrphan) dirty.add(parent);
      if (!folder.missed || isOrphan) {
        folder.missed = true;
        return [];
      }
      // A swap of links removes a link only after its target.
      if (folder.dangling) return failures.doubt(folder.label, danglingLink, io.now());
    }
    return failures.fail(folder.label, reasonOf(error), io.now());
  }

  /** Lets the next listing of the parent decide about a folder that is not a directory any more. */
  function askParent(folder: Folder): void {
    folder.missed = true;
    if (folder.parent !== undefined) dirty.add(folder.parent);
  }

  async function scanDirty(): Promise<readonly SourceEvent[]> {
    // In a fixed order, so that the name under which a directory with two names is read does not depend on chance.
    const batch = [...dirty].sort(inOrder);
    dirty.clear();
    const events: SourceEvent[] = [];
    const ready: { folder: Folder; identity: string }[] = [];
    for (const found of await mapBounded(batch, concurrentFolders, findFolder)) {
      const { folder } = found;
      if (!folder.attached) continue;
      if ('error' in found) events.push(...fail(folder, found.error));
      else if ('isFile' in found) askParent(folder);
      else if (readers.claim(folder, found.real)) ready.push({ folder, identity: found.identity });
      else {
        empty(folder);
        events.push(...failures.succeed(folder.label));
      }
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
      if (paths.length === 0) return;
      const labels = new Set(paths);
      for (const root of unresolved) if (labels.has(root)) resolving.add(root);
      for (const folder of folders) if (labels.has(folder.label)) dirty.add(folder);
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
  | { readonly folder: Folder; readonly isFile: true }
  | { readonly folder: Folder; readonly identity: string; readonly real: string }
  | { readonly folder: Folder; readonly error: unknown };

async function identify(io: DirectoryIo, folder: Folder): Promise<Identity> {
  try {
    const stat = await io.stat(folder.path);
    if (folder.parent !== undefined && !stat.isDirectory()) return { folder, isFile: true };
    return { folder, identity: identityOf(stat), real: await io.realpath(folder.path) };
  } catch (error) {
    return { folder, error };
  }
}

async function mayExist(io: DirectoryIo, path: string): Promise<boolean> {
  return io.lstat(path).then(
    () => true,
    (error: unknown) => !isMissing(error),
  );
}

/** Sorts roots first, directories before single files, and each folder before its content. */
function inOrder(a: Folder, b: Folder): number {
  const byRoot = Number(a.parent !== undefined) - Number(b.parent !== undefined);
  const byKind = Number(a.only !== undefined) - Number(b.only !== undefined);
  return byRoot || byKind || compareText(a.path, b.path);
}
