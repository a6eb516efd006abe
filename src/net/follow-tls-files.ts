import { hash } from 'node:crypto';
import { readRegularFile } from './read-regular-file.ts';
import { readTlsMaterial } from './tls-material.ts';
import type { TlsFileContents, TlsMaterial, TlsMaterialResult } from './tls-material.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** Paths of PEM files. */
export interface TlsPaths {
  /** The server's certificate chain. */
  readonly certificate: string;
  /** Its private key. */
  readonly key: string;
  /** Authorities of the certificates of clients; undefined: none are asked for. */
  readonly clientCa: string | undefined;
}

/** What following files comes to. */
export interface TlsFileEvents {
  /** They can be used: at the start (`isFirst`), and each time that they changed. */
  readonly loaded: (material: TlsMaterial, isFirst: boolean) => void;
  /** They changed, and cannot be used; what was in use stays so. Told once for each change. */
  readonly refused: (reason: string) => void;
}

/** Files that are followed. */
export interface FollowedTlsFiles {
  current(): TlsMaterial;
  /** Reads the files now. */
  reload(): Promise<void>;
  close(): void;
}

/** How often files are read again, ms. */
const defaultPollMs = 5_000;

/**
 * Reads TLS files, and again when they change. They are polled: renewals are rare, and come as renames, links
 * that are switched, or new mounts.
 * @throws {Error} when they cannot be used at the start.
 */
export async function followTlsFiles(
  paths: TlsPaths,
  events: TlsFileEvents,
  pollMs: number = defaultPollMs,
): Promise<FollowedTlsFiles> {
  const first = await readFiles(paths);
  if (first.result.kind === 'refused') throw new Error(`TLS cannot be set up: ${first.result.reason}`);
  let { material } = first.result;
  let seen = first.digest;
  events.loaded(material, true);

  let closed = false;
  const reload = async (): Promise<void> => {
    const { digest, result } = await readFiles(paths);
    if (digest === seen || closed) return;
    seen = digest;
    if (result.kind === 'refused') return events.refused(result.reason);
    ({ material } = result);
    events.loaded(material, false);
  };
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

/** `digest` tells contents, or what kept them from being read, apart. */
async function readFiles(
  paths: TlsPaths,
): Promise<{ readonly digest: string; readonly result: TlsMaterialResult }> {
  try {
    const contents: TlsFileContents = {
      certificate: await readRegularFile(paths.certificate),
      key: await readRegularFile(paths.key),
      clientCa: paths.clientCa === undefined ? undefined : await readRegularFile(paths.clientCa),
    };
    return { digest: digestOf(contents), result: readTlsMaterial(contents) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { digest: reason, result: { kind: 'refused', reason } };
  }
}

function digestOf({ certificate, key, clientCa }: TlsFileContents): string {
  const parts = [certificate, key, clientCa ?? Buffer.alloc(0)];
  return parts.map((part) => hash('sha256', part)).join(' ');
}
