import { basename, resolve } from 'node:path';

import type { Source, SourceEvent, SourceSink } from '../../trust/source.ts';
import { createFailures } from './failures.ts';
import { createFiles } from './files.ts';
import type { Folder } from './folder.ts';
import { systemIo } from './io.ts';
import type { DirectoryIo } from './io.ts';
import { hasLostBytes, isFolderName, isInputName, swapLink } from './names.ts';
import { createTargets } from './targets.ts';
import { createTree } from './tree.ts';
import { createWatches } from './watches.ts';

/** Where to read, and how patiently. */
export interface WatchDirectoryOptions {
  /** Directories, or single files; each is named in events as it is here. */
  readonly roots: readonly string[];
  readonly name?: string | undefined;
  /** How long a file must stay the same to be settled, or away to be gone, in milliseconds; 100. */
  readonly settleMs?: number | undefined;
  /** How often everything is listed again in case a notification was lost, in milliseconds; 60,000. */
  readonly rescanMs?: number | undefined;
  /** Longer files are unreadable; 16 MiB. */
  readonly maxFileBytes?: number | undefined;
  /** Closes the source. */
  readonly signal?: AbortSignal | undefined;
  /** A directory cannot be watched (inotify's limits) and is polled instead; told once for each. */
  readonly onPolling?: ((path: string, reason: string) => void) | undefined;
  /** The system to read from; tests put another in its place. */
  readonly io?: DirectoryIo | undefined;
}

/** How often a directory is listed that cannot be watched. */
const pollMs = 2_000;

/**
 * inotify drops what does not fit its queue (16,384 by default) without Node telling. When half that many
 * notices come within this time, everything is listed once after it.
 */
const burstOfNotices = 8_192;
const burstMs = 1_000;

/**
 * Reads all YAML and JSON files below the roots and tells of every change to them (see `SourceEvent`), at
 * once where the system notifies. Starts by itself, and never fails as a whole: what cannot be read is told
 * and tried again.
 */
export function watchDirectory(options: WatchDirectoryOptions, sink: SourceSink): Source {
  const {
    roots,
    name = 'directory',
    settleMs = 100,
    rescanMs = 60_000,
    maxFileBytes = 16 * 2 ** 20,
  } = options;
  const { signal, onPolling = () => {}, io = systemIo } = options;
  const failures = createFailures();
  const watches = createWatches({ io, listener, onEnd, onPolling });
  const targets = createTargets(io);
  const rootNames = createTargets(io);
  const files = createFiles({
    io,
    settleMs,
    maxFileBytes,
    onUnreachable: (folder) => tree.markFolder(folder),
    onTargetChange: wake,
    targets,
  });
  const tree = createTree({ io, roots, files, failures, watches });
  let isClosed = false;
  let isSynced = false;
  let burst = { since: io.now(), notices: 0 };
  let rescanAt = nextRescan();
  let pollAt = io.now() + pollMs;
  let running: Promise<void> | undefined;
  let cancelTimer = (): void => {};

  function listener(folder: Folder, kind: 'rename' | 'change', entry: string | undefined): void {
    countNotice();
    if (entry === undefined) tree.markFolder(folder);
    else if (kind === 'rename' && (entry === '' || entry === basename(folder.path))) {
      // This is how the end of the directory itself is told, and how its own move is; or it is a file in it.
      onEnd(folder);
      if (entry !== '') noteEntry(folder, kind, entry);
    } else noteEntry(folder, kind, entry);
    if (hasWork()) wake();
  }

  function noteEntry(folder: Folder, kind: 'rename' | 'change', entry: string): void {
    // A name that is not UTF-8 cannot be opened: only a listing shows whether it is there.
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

  function countNotice(): void {
    const now = io.now();
    if (now - burst.since > burstMs) burst = { since: now, notices: 0 };
    burst.notices += 1;
    if (burst.notices !== burstOfNotices) return;
    rescanAt = Math.min(rescanAt, now + burstMs);
    if (running === undefined) schedule();
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
    // Everything that the system has to tell at this moment belongs to one step.
    await io.noticesDelivered();
    do await round();
    while (hasWork());
    running = undefined;
    schedule();
  }

  function hasWork(): boolean {
    return !isClosed && (tree.waiting || files.waiting);
  }

  async function round(): Promise<void> {
    const events: SourceEvent[] = [...(await tree.scan())];
    if (isClosed) return;
    events.push(...(await files.round()));
    if (isClosed) return;
    if (!isSynced && failures.size === 0 && !tree.waiting) {
      isSynced = true;
      events.push({ kind: 'synced' });
    }
    if (events.length > 0) sink(events);
  }

  function schedule(): void {
    if (isClosed) return;
    cancelTimer();
    const times = [files.next(), failures.next(), rescanAt, watches.polled.size > 0 ? pollAt : undefined];
    const at = Math.min(...times.filter((time) => time !== undefined));
    cancelTimer = io.after(Math.max(0, Math.ceil(at - io.now())), onTimer);
  }

  function onTimer(): void {
    const now = io.now();
    files.wake(now);
    tree.retry(failures.due(now));
    if (now >= rescanAt) {
      rescanAt = nextRescan();
      tree.markAll();
    }
    if (now >= pollAt) {
      pollAt = now + pollMs;
      for (const folder of watches.polled) tree.markFolder(folder);
    }
    wake();
  }

  /** A fifth more or less each time, so that replicas on one file system do not read it in step. */
  function nextRescan(): number {
    return io.now() + rescanMs * (0.8 + 0.4 * io.random());
  }

  async function close(): Promise<void> {
    isClosed = true;
    signal?.removeEventListener('abort', onAbort);
    cancelTimer();
    await running;
    tree.close();
    targets.close();
    rootNames.close();
    // A closed watch is given back at the end of the turn.
    await io.noticesDelivered();
  }

  function onAbort(): void {
    void close();
  }

  function start(): void {
    signal?.addEventListener('abort', onAbort, { once: true });
    // A root that is a link, or that comes and goes, is told of by the directory that it is in.
    for (const root of roots) {
      rootNames.track(root, resolve(root), () => {
        tree.retry([root]);
        wake();
      });
    }
    wake();
  }

  if (signal?.aborted === true) isClosed = true;
  else start();
  return { name, close };
}
