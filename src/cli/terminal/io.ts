import type { Readable, Writable } from 'node:stream';

/** What a command has of the outside: data goes to stdout, talk to stderr. */
export interface CommandIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Where answers come from; on a terminal somebody can be asked. */
  readonly stdin?: (Readable & { readonly isTTY?: boolean }) | undefined;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  /** The connection to the process that started this one, where there is one. */
  readonly channel?: ProcessChannel | undefined;
  /** Finds the servers that a command asks where it is told none; else they are those of the default. */
  readonly servers?: ServerFinder | undefined;
}

export interface ServerFinder {
  /** @throws {CommandError} (unreachable) where there are none. */
  readonly find: (signal: AbortSignal) => Promise<readonly FoundServer[]>;
}

export interface FoundServer {
  /** For people. */
  readonly name: string;
  /** As `--server` takes it. */
  readonly url: string;
}

/** Messages between a process and its parent. */
export interface ProcessChannel {
  readonly send: (message: unknown) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
}
