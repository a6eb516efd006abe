import type { Writable } from 'node:stream';

/** What a command has of the outside: data goes to stdout, talk to stderr. */
export interface CommandIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
}
