import { basename } from 'node:path';

import type { Source, SourceEvent, SourceSink } from '../../trust/source.ts';
import { createFailures } from './failures.ts';
import { createFiles } from './files.ts';
import { FirstRead } from './first-read.ts';
import { createFolderLinks } from './folder-links.ts';
import type { Folder } from './folder.ts';
import { systemIo } from './io.ts';
import type { DirectoryIo } from './io.ts';
import { ListingTimes } from './listing-times.ts';
import { reasonOf } from '../../text/system-error.ts';
import { hasLostBytes, isFolderName, isInputName, swapLink } from './names.ts';
import { createRootNames } from './root-names.ts';
import { createTargets } from './targets.ts';
import { createTree } from './tree.ts';
import { createWatches } from './watches.ts';

/** The parameters of the directory source. Times are in milliseconds. */
export interface WatchDirectoryOptions {
  /** Directories, or single files. Events contain these paths as they are written here. */
  readonly roots: readonly string[];
  readonly name?: string | undefined;
  /** Time without a change after which a file is settled, and time of absence after which it is gone. Default: 100. */
  readonly settleMs?: number | undefined;
  /** Time between two listings of everything, in case a notice was lost. Default: 60,000. */
  readonly rescanMs?: number | undefined;
  /**
   * True if an earlier run had trust in force because of the files. Then what the first read does not find must also be
   * absent `settleMs` later, as after a deletion. Default: false.
   */
  readonly confirmsAbsence?: boolean | undefined;
  /** Maximum size of a file. Larger files are unreadable. Default: 16 MiB. */
  readonly maxFileBytes?: number | undefined;
  /** Aborting it closes the source. */
  readonly signal?: AbortSignal | undefined;
  /** Called once for each directory that cannot be watched (limits of inotify) and is polled instead. */
  readonly onPolling?: ((path: string, reason: string) => void) | undefined;
  /** The system calls. Tests replace them. */
  readonly io?: DirectoryIo | undefined;
}

/**
 * Reads all YAML and JSON files below the roots, and reports every change of them (see `SourceEvent`), at once if the
 * system sends a notice. Starts at once, and never fails as a whole: what cannot be read is reported and tried again.
 */
export function watchDirectory(options: WatchDirectoryOptions, sink: SourceSink): Source {
  const {
    roots,
    name = 'directory',
    settleMs = 100,
    rescanMs = 60_000,
    confirmsAbsence = false,
    maxFileBytes = 16 * 2 ** 20,
  } = options;
  const { signal, onPolling = () => {}, io: given = systemIo } = options;
  // All watches of the process share one queue of notices.
  const io: DirectoryIo = {
    ...given,
    watch: (path, onNotice, onError) =>
      given.watch(
        path,
        (kind, entry) => {
          countNotice();
          onNotice(kind, entry);
        },
        onError,
      ),
  };
  const failures = createFailures();
  const watches = createWatches({ io, listener, onEnd, onPolling });
  const targets = createTargets(io);
  const rootNames = createRootNames(io, roots, (root) => {
    tree.retry([root]);
    wake();
  });
  const files = createFiles({
    io,
    settleMs,
    maxFileBytes,
    onUnreachable: (folder) => tree.markFolder(folder),
    onTargetChange: wake,
    targets,
  });
  const links = createFolderLinks(io, targets, (folder) => {
    tree.markFolder(folder);
    wake();
  });
  const tree = createTree({ io, roots, files, failures, watches, links });
  const listings = new ListingTimes(io.now(), rescanMs, () => io.random());
  let isClosed = false;
  const firstRead = new FirstRead(confirmsAbsence ? settleMs : 0);
  let running: Promise<void> | undefined;
  let cancelTimer = (): void => {};

  function countNotice(): void {
    if (listings.notice(io.now()) && running === undefined) schedule();
  }

  function listener(folder: Folder, kind: 'rename' | 'change', entry: string | undefined): void {
    if (entry === undefined) tree.markFolder(folder);
    else if (kind === 'rename' && (entry === '' || entry === basename(folder.path))) {
      // The directory itself was deleted or moved. Or it contains an entry with its own name.
      onEnd(folder);
      if (entry !== '') noteEntry(folder, kind, entry);
    } else noteEntry(folder, kind, entry);
    if (hasWork()) wake();
  }

  function noteEntry(folder: Folder, kind: 'rename' | 'change', entry: string): void {
    // A name that is not UTF-8 cannot be opened. Only a listing shows whether the entry exists.
    if (kind === 'rename' && hasLostBytes(entry)) tree.markFolder(folder);
    if (entry === swapLink) {
      folder.swapped ||= kind === 'rename';
      tree.markFolder(folder);
    } else if (folder.only === undefined ? isInputName(entry) : entry === folder.only) {
      files.notice(folder, entry, kind);
    } else if (folder.only === undefined && kind === 'rename' && isFolderName(entry)) {
      tree.markChild(folder, entry);
    }
  }

  function onEnd(folder: Folder): void {
    watches.release(folder);
    tree.markFolder(folder);
    wake();
  }

  function wake(): void {
    if (isClosed || running !== undefined) return;
    cancelTimer();
    running = run();
  }

  async function run(): Promise<void> {
    // All notices that are queued now belong to one round.
    await io.noticesDelivered();
    try {
      do await round();
      while (hasWork());
    } catch (error) {
      if (!isClosed) fail(reasonOf(error));
    }
    running = undefined;
    schedule();
  }

  /** A round that fails must not end the source: the roots count as failed, and are tried again soon. */
  function fail(reason: string): void {
    deliver(roots.flatMap((root) => failures.fail(root, reason, io.now())));
    tree.markAll();
  }

  function deliver(events: readonly SourceEvent[]): void {
    if (events.length > 0) sink(events);
  }

  function hasWork(): boolean {
    return !isClosed && (tree.waiting || files.waiting);
  }

  async function round(): Promise<void> {
    await rootNames.follow();
    if (isClosed) return;
    const listed = await tree.scan();
    if (isClosed) return;
    // Before the files are read: a defect there must not lose the failures and recoveries of directories.
    deliver(listed);
    const events = [...(await files.round())];
    if (isClosed) return;
    const rest = tree.waiting || files.hasUnread ? 'unread' : 'read';
    if (firstRead.round(failures.size > 0 ? 'failed' : rest, io.now())) events.push({ kind: 'synced' });
    deliver(events);
  }

  function schedule(): void {
    if (isClosed) return;
    cancelTimer();
    const times = [files.next(), failures.next(), firstRead.next(), listings.next(watches.polled.size > 0)];
    const at = Math.min(...times.filter((time) => time !== undefined));
    cancelTimer = io.after(Math.max(0, Math.ceil(at - io.now())), onTimer);
  }

  function onTimer(): void {
    const now = io.now();
    files.wake(now);
    tree.retry(failures.due(now));
    const { all, polled } = listings.due(now);
    if (firstRead.due(now) || all) tree.markAll();
    for (const folder of polled ? watches.polled : []) tree.markFolder(folder);
    wake();
  }

  async function close(): Promise<void> {
    isClosed = true;
    signal?.removeEventListener('abort', onAbort);
    cancelTimer();
    await running;
    tree.close();
    targets.close();
    rootNames.close();
    // The system releases a closed watch at the end of the turn.
    await io.noticesDelivered();
  }

  function onAbort(): void {
    void close();
  }

  function start(): void {
    signal?.addEventListener('abort', onAbort, { once: true });
    wake();
  }

  if (signal?.aborted === true) isClosed = true;
  else start();
  return { name, close };
}
