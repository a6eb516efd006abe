import fs from 'node:fs';
import type { BigIntStats, Dirent } from 'node:fs';
import { promisify } from 'node:util';
import { after } from '../../xds/timers/timers.ts';

const { O_RDONLY, O_NONBLOCK } = fs.constants;
// Only the calls that may wait for a device or a server use other threads: open and read. For an open file, the kernel
// has the results of stat and close in memory, and a switch to another thread costs more than these calls. 10,000 files
// of 2.5 kB take 0.5 s of CPU time. With all calls on other threads it would be 0.75 s. With none it would be 0.1 s,
// but then one stalled network mount would block all responses to all proxies.
const open = promisify(fs.open);
const read = promisify(fs.read);

/** A watch on one directory. */
export interface Watch {
  close(): void;
}

/**
 * Receives the notices of `fs.watch`. `name`: the entry, empty for the directory itself, or `undefined` if the platform
 * does not report it. If something else in this process watches the directory, it may have its own name instead.
 */
export type WatchListener = (kind: 'rename' | 'change', name: string | undefined) => void;

/** An open file. `stat` and `read` refer to the same inode, even if the file is renamed or deleted. */
export interface OpenFile {
  stat(): BigIntStats;
  /** Reads from the start of the file into `buffer`. Resolves with the number of bytes. */
  read(buffer: Buffer): Promise<number>;
  close(): void;
}

/** The system calls of the directory source. Tests replace them. */
export interface DirectoryIo {
  stat(path: string): Promise<BigIntStats>;
  lstat(path: string): Promise<BigIntStats>;
  realpath(path: string): Promise<string>;
  /** Returns the target of a symbolic link. Rejects with EINVAL if the path is not a link. */
  readlink(path: string): Promise<string>;
  list(path: string): Promise<readonly Dirent[]>;
  open(path: string): Promise<OpenFile>;
  /** Starts a watch. Throws if the system provides none. `onError` is called when the watch has ended. */
  watch(path: string, listener: WatchListener, onError: (error: unknown) => void): Watch;
  /**
   * True if each deletion, creation and rename has a separate notice, as with inotify. On other platforms Node merges
   * notices, and files that are moved to their names settle by waiting.
   */
  readonly hasExactNotices: boolean;
  /** Resolves when all notices are delivered that the system had queued at the time of the call. */
  noticesDelivered(): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Nanoseconds since the epoch, by the clock of file times. */
  wallNs(): bigint;
  /** Calls `callback` once after `ms`. The returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Returns a number from 0 to 1, for jitter. */
  random(): number;
}

/** The file system, clocks and timers of this process. */
export const systemIo: DirectoryIo = {
  stat: (path) => fs.promises.stat(path, { bigint: true }),
  lstat: (path) => fs.promises.lstat(path, { bigint: true }),
  realpath: (path) => fs.promises.realpath(path),
  readlink: (path) => fs.promises.readlink(path),
  list: (path) => fs.promises.readdir(path, { withFileTypes: true }),
  open: openFile,
  watch: (path, listener, onError) => {
    // Two watches of one directory share the path of the first one, whose last name is that of the directory in notices
    // about itself. With links, it is another one.
    const watcher = fs.watch(`${path}/.`, (kind, name) =>
      listener(kind, name === '.' ? '' : (name ?? undefined)),
    );
    watcher.on('error', onError);
    return watcher;
  },
  hasExactNotices: process.platform === 'linux',
  noticesDelivered: async () => {
    // The first turn may end a poll whose events were fetched before the call. The second follows a complete poll.
    await immediate();
    await immediate();
  },
  now: () => performance.now(),
  wallNs: () => BigInt(Date.now()) * 1_000_000n,
  after,
  random: Math.random,
};

async function openFile(path: string): Promise<OpenFile> {
  // Without O_NONBLOCK, opening a named pipe would block one of the few file system threads for ever.
  const fd = await open(path, O_RDONLY | O_NONBLOCK);
  return {
    stat: () => fs.fstatSync(fd, { bigint: true }),
    read: async (buffer) => {
      // One call is enough: a regular file returns fewer bytes only at its end, or during a write, which its stat or
      // its length shows.
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
