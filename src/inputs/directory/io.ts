import fs from 'node:fs';
import type { BigIntStats, Dirent } from 'node:fs';
import { promisify } from 'node:util';
import { after } from '../../xds/timers/timers.ts';

const { O_RDONLY, O_NONBLOCK } = fs.constants;
// Only what waits for a device or a server goes to other threads: to open, and to read. What an open file's
// stat and close answer, the kernel has just learned, and a trip to a thread costs more than they do: 10,000
// files of 2.5 kB take 0.5 s of CPU time, 0.75 s if all goes. If nothing did, it would be 0.1 s, but one stalled
// network mount would then stop every answer to every proxy.
const open = promisify(fs.open);
const read = promisify(fs.read);

/** A watch on one directory. */
export interface Watch {
  close(): void;
}

/** What `fs.watch` tells of a directory: `name` is the entry, unknown where the platform does not say. */
export type WatchListener = (kind: 'rename' | 'change', name: string | undefined) => void;

/** An open file; `stat` and `read` are of the same inode whatever happens to its name. */
export interface OpenFile {
  stat(): BigIntStats;
  /** Fills `buffer` from the start of the file as far as it goes; resolves to the number of bytes. */
  read(buffer: Buffer): Promise<number>;
  close(): void;
}

/** Everything the directory source asks of the system, so that a test can stand in for any of it. */
export interface DirectoryIo {
  stat(path: string): Promise<BigIntStats>;
  lstat(path: string): Promise<BigIntStats>;
  realpath(path: string): Promise<string>;
  list(path: string): Promise<readonly Dirent[]>;
  open(path: string): Promise<OpenFile>;
  /** Throws where no watch can be had; `onError` means that the watch has ended. */
  watch(path: string, listener: WatchListener, onError: (error: unknown) => void): Watch;
  /**
   * Whether each deletion, creation and rename has a notice of its own. inotify does that; elsewhere Node joins
   * them, and what was moved into place is settled by waiting.
   */
  readonly hasExactNotices: boolean;
  /** Resolves when every notice that the system had queued at the time of the call has been delivered. */
  noticesDelivered(): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Nanoseconds since the epoch, the clock that file times are from. */
  wallNs(): bigint;
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, callback: () => void): () => void;
  /** From 0 to 1, for jitter. */
  random(): number;
}

/** The file system, clocks and timers of this process. */
export const systemIo: DirectoryIo = {
  stat: (path) => fs.promises.stat(path, { bigint: true }),
  lstat: (path) => fs.promises.lstat(path, { bigint: true }),
  realpath: (path) => fs.promises.realpath(path),
  list: (path) => fs.promises.readdir(path, { withFileTypes: true }),
  open: openFile,
  watch: (path, listener, onError) => {
    const watcher = fs.watch(path, (kind, name) => listener(kind, name ?? undefined));
    watcher.on('error', onError);
    return watcher;
  },
  hasExactNotices: process.platform === 'linux',
  noticesDelivered: async () => {
    // The first turn may end the poll that is under way, whose events are already fetched; the second has a
    // poll of its own before it.
    await immediate();
    await immediate();
  },
  now: () => performance.now(),
  wallNs: () => BigInt(Date.now()) * 1_000_000n,
  after,
  random: Math.random,
};

async function openFile(path: string): Promise<OpenFile> {
  // Without O_NONBLOCK a named pipe of this name would hold one of the few file system threads for ever.
  const fd = await open(path, O_RDONLY | O_NONBLOCK);
  return {
    stat: () => fs.fstatSync(fd, { bigint: true }),
    read: async (buffer) => {
      // One call is enough: a regular file gives less than was asked for only at its end, or when it is
      // written at that moment, and then its stat or its length tells.
      const { bytesRead } = await read(fd, buffer, 0, buffer.length, 0);
      return bytesRead;
    },
    close: () => fs.closeSync(fd),
  };
}

function immediate(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
