import { hash } from 'node:crypto';
import type { FollowTimes } from './follow-file.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { readWhole } from './read-regular-file.ts';
import { changedWhileRead, longestUnrestMs, readSettled } from './read-settled.ts';
import { readTlsMaterial } from './tls-material.ts';
import type { TlsFileContents, TlsMaterial, TlsMaterialResult } from './tls-material.ts';
import { timerMs } from '../xds/timers/timers.ts';
import { reasonWithPlace } from '../text/system-error.ts';

/** Paths of PEM files. */
export interface TlsPaths {
  /** The server's certificate chain. */
  readonly certificate: string;
  /** The server's private key. */
  readonly key: string;
  /** CAs of client certificates; undefined if clients need none. */
  readonly clientCa: string | undefined;
}

/** Callbacks of followed TLS files. */
export interface TlsFileEvents {
  /**
   * Called with usable files: at the start (`isFirst`), and after each change. If it throws after a change, these files
   * are refused.
   */
  readonly loaded: (material: TlsMaterial, isFirst: boolean) => void;
  /** Returns why usable files are refused all the same, for example for a name that is absent. */
  readonly check?: ((material: TlsMaterial) => string | undefined) | undefined;
  /** Called once for each change after which the files cannot be used. The previous files stay in use. */
  readonly refused: (reason: string) => void;
  /** Called if the files change again and again, once until they rest: the newest usable ones are applied then. */
  readonly restless?: (() => void) | undefined;
}

/** Followed TLS files. */
export interface FollowedTlsFiles {
  current(): TlsMaterial;
  /** Reads the files now. */
  reload(): Promise<void>;
  close(): void;
}

/** Interval at which the files are read again, in milliseconds. */
const defaultPollMs = 5_000;
/**
 * Reads TLS files, and reads them again when they change. The files are polled, because renewals are rare and happen
 * by renames, switched links or new mounts.
 * @throws {Error} if they cannot be used at the start.
 */
export async function followTlsFiles(
  paths: TlsPaths,
  events: TlsFileEvents,
  { pollMs = defaultPollMs, unrestMs = longestUnrestMs }: FollowTimes = {},
): Promise<FollowedTlsFiles> {
  const first = await readFiles(paths, events.check);
  if (first.result.kind === 'refused') throw new Error(`TLS cannot be set up: ${first.result.reason}`);
  let { material } = first.result;
  /** The digest of the newest files that were loaded or refused, unless these must be read again. */
  let seen: string | undefined = first.digest;
  events.loaded(material, true);

  let closed = false;
  let isRestless = false;
  const reload = oneAtATime(async () => {
    // A file of CA certificates in the middle of a write may lack some of them, and a certificate may be replaced
    // before its key.
    const settled = await readSettled({
      read: () => readFiles(paths, events.check),
      isSame: (one, other) => one.digest === other.digest,
      isInForce: (reading) => reading.digest === seen,
      isUsable: ({ isWhole, result }) => isWhole && result.kind === 'material',
      isClosed: () => closed,
      longestUnrestMs: unrestMs,
    });
    if (settled.isRestless && !isRestless && !closed) events.restless?.();
    ({ isRestless } = settled);
    const { digest, result } = settled.reading;
    if (digest === seen || closed) return;
    seen = digest;
    if (result.kind === 'refused') return events.refused(result.reason);
    if (settled.isGivenUp) {
      // If the files come to rest with this content, or with the one in force, that must be loaded.
      seen = undefined;
      return events.refused(`one of the files ${changedWhileRead}`);
    }
    const before = material;
    ({ material } = result);
    try {
      events.loaded(material, false);
    } catch (error) {
      material = before;
      events.refused(reasonWithPlace(error));
    }
  });
  let reading = false;
  const timer = setInterval(() => {
    if (reading) return;
    reading = true;
    void reload().finally(() => (reading = false));
  }, timerMs(pollMs)).unref();

  const close = (): void => {
    closed = true;
    clearInterval(timer);
  };
  return { current: () => material, reload, close };
}

/**
 * The contents of the files, or why they cannot be read. `digest` differs for different contents or reasons. `isWhole`:
 * no file changed while it was read.
 */
interface FileReading {
  readonly digest: string;
  readonly isWhole: boolean;
  readonly result: TlsMaterialResult;
}

/** Reads the files. */
async function readFiles(paths: TlsPaths, check: TlsFileEvents['check']): Promise<FileReading> {
  try {
    const certificate = await readWhole(paths.certificate);
    const key = await readWhole(paths.key);
    const clientCa = paths.clientCa === undefined ? undefined : await readWhole(paths.clientCa);
    const contents: TlsFileContents = {
      certificate: certificate.content,
      key: key.content,
      clientCa: clientCa?.content,
    };
    const result = readTlsMaterial(contents);
    const reason = result.kind === 'material' ? check?.(result.material) : undefined;
    return {
      digest: digestOf(contents),
      isWhole: certificate.isWhole && key.isWhole && clientCa?.isWhole !== false,
      result: reason === undefined ? result : { kind: 'refused', reason },
    };
  } catch (error) {
    const reason = reasonWithPlace(error);
    return { digest: reason, isWhole: false, result: { kind: 'refused', reason } };
  }
}

function digestOf({ certificate, key, clientCa }: TlsFileContents): string {
  const parts = [certificate, key, clientCa ?? Buffer.alloc(0)];
  return parts.map((part) => hash('sha256', part)).join(' ');
}
