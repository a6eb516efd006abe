import { setTimeout as delay } from 'node:timers/promises';
import { realpath } from 'node:fs/promises';
import { isAbsolute, sep } from 'node:path';
import { reasonOf } from '../../text/system-error.ts';
import { caFileDocument, caFilePlace } from '../../trust/identity/ca-files.ts';
import type { Source, SourceEvent, SourceSink } from '../../trust/source.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { blankPrivateKeys } from '../../trust/blank-private-keys.ts';

/** Maximum size of a file in bytes: CA certificates are far shorter. */
const maxFileBytes = 700_000;

/** A source whose files are known only when MeshIdentities have been read. */
export interface IdentityFiles extends Source {
  /** Follows exactly these files from now on. */
  follow(paths: ReadonlySet<string>): void;
}

export interface IdentityFilesOptions {
  readonly name: string;
  readonly root: string;
  /** Interval at which the files are read again, in milliseconds. Default: 2,000. */
  readonly pollMs?: number | undefined;
  /** A text counts once it was read twice with this time in between, in milliseconds. Default: 150. */
  readonly settleMs?: number | undefined;
}

/** The result of reading a file: its text, or why it cannot be read. */
type Reading = { readonly text: string } | { readonly reason: string };

interface FollowedFile {
  /** The last reading. */
  seen: string | undefined;
  /** The reading that was reported last. */
  reported: string | undefined;
}

/** Follows the files with CA certificates that MeshIdentities name, below a root. They are polled. */
export function followIdentityFiles(options: IdentityFilesOptions, sink: SourceSink): IdentityFiles {
  const { name, root, pollMs = 2_000, settleMs = 150 } = options;
  const files = new Map<string, FollowedFile>();
  const closed = new AbortController();
  let wake = new AbortController();
  /** Why the last reading failed as a whole, as it was reported. */
  let problem: string | undefined;

  /** Reads all files once, and delivers the settled ones. Returns whether a file has to be read again soon. */
  const readAll = async (): Promise<boolean> => {
    const settled: { readonly path: string; readonly file: FollowedFile; readonly reading: Reading }[] = [];
    let isUnsettled = false;
    for (const [path, file] of files) {
      const reading = await read(root, path);
      const key = JSON.stringify(reading);
      if (key === file.seen && key !== file.reported) settled.push({ path, file, reading });
      isUnsettled ||= key !== file.seen;
      file.seen = key;
    }
    const current = settled.filter(({ path, file }) => files.get(path) === file);
    if (current.length === 0 || closed.signal.aborted) return isUnsettled;
    const events = current.map(({ path, reading }) => eventOf(path, reading));
    // Not before: a defect there must not lose the readings.
    for (const { file } of current) file.reported = file.seen;
    sink(events);
    return isUnsettled;
  };

  /** Reads all files. A defect is reported as a failure, and does not end the readings. */
  const tryToReadAll = async (): Promise<boolean> => {
    try {
      const isUnsettled = await readAll();
      if (problem !== undefined && !closed.signal.aborted) sink([{ kind: 'recovered', path: name }]);
      problem = undefined;
      return isUnsettled;
    } catch (error) {
      fail(reasonOf(error));
      return false;
    }
  };

  const fail = (reason: string): void => {
    if (reason === problem || closed.signal.aborted) return;
    problem = reason;
    try {
      sink([{ kind: 'failed', path: name, reason }]);
    } catch {
      // The sink fails on everything, so there is nowhere to report this.
    }
  };

  const run = async (): Promise<void> => {
    // Nothing is waited for: which files there are depends on what other sources deliver.
    sink([{ kind: 'synced' }]);
    while (!closed.signal.aborted) {
      wake = new AbortController();
      const isUnsettled = await tryToReadAll();
      const signal = AbortSignal.any([closed.signal, wake.signal]);
      await delay(timerMs(isUnsettled ? settleMs : pollMs), undefined, { signal }).catch(() => undefined);
    }
  };

  const running = run();
  return {
    name,
    follow(paths) {
      const gone = [...files.keys()].filter((path) => !paths.has(path));
      for (const path of gone) files.delete(path);
      const added = [...paths].filter((path) => !files.has(path));
      for (const path of added) files.set(path, { seen: undefined, reported: undefined });
      if (gone.length > 0)
        sink(gone.map((path) => ({ kind: 'gone', path: caFilePlace(path), evidence: 'deletion' })));
      if (added.length > 0) wake.abort();
    },
    close: async () => {
      closed.abort();
      await running;
    },
  };
}

async function read(root: string, path: string): Promise<Reading> {
  try {
    return { text: await readBelow(root, path) };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

function eventOf(path: string, reading: Reading): SourceEvent {
  const place = caFilePlace(path);
  return 'text' in reading
    ? { kind: 'content', path: place, text: caFileDocument(path, reading.text), settled: true }
    : { kind: 'unreadable', path: place, reason: reading.reason };
}

/** Reads files with CA certificates that MeshIdentities name, once. */
export function readIdentityFiles(root: string, paths: ReadonlySet<string>): Promise<readonly SourceEvent[]> {
  return Promise.all([...paths].map(async (path) => eventOf(path, await read(root, path))));
}

/**
 * Reads the CA certificates of a file that a MeshIdentity names. A document could name any file of this machine, so
 * only those below the root are read, after all links are followed.
 * @throws {Error} if it is outside of the root, cannot be read, is too long or has a private key.
 */
export async function readBelow(root: string, path: string): Promise<string> {
  if (!isAbsolute(path) || path.split('/').includes('..'))
    throw new Error('the path is not absolute, or contains ..');
  const [real, realRoot] = [await realpath(path), await realpath(root)];
  const folder = realRoot.endsWith(sep) ? realRoot : `${realRoot}${sep}`;
  if (!real.startsWith(folder)) throw new Error('the file is outside of --identity-root');
  const bytes = await readRegularFile(real);
  if (bytes.length > maxFileBytes) throw new Error(`the file is longer than ${maxFileBytes} bytes`);
  blankPrivateKeys(bytes);
  const text = bytes.toString('utf8');
  if (text.includes('PRIVATE KEY')) throw new Error('the file has a private key');
  return text;
}
