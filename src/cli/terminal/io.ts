import type { Readable, Writable } from 'node:stream';

/** The environment of a command. Data goes to stdout, messages to stderr. */
export interface CommandIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Source of files named `-`; if it is a terminal, also of a person's answers. */
  readonly stdin?: (Readable & { readonly isTTY?: boolean }) | undefined;
  /** Aborted on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Milliseconds between two requests of `--watch`. Default: 1,000. */
  readonly watchMs?: number | undefined;
  /** The channel to the parent process, if there is one. */
  readonly channel?: ProcessChannel | undefined;
  /** Finds servers if neither the command line nor the environment names one. Default: the default of `--server`. */
  readonly servers?: ServerFinder | undefined;
  /** The cluster of the options of kubectl. Default: as for kubectl without options. */
  readonly cluster?: ClusterChoice | undefined;
}

interface ClusterChoice {
  /** The file of `--kubeconfig`. */
  readonly kubeconfig?: string | undefined;
  /** The context of `--context`. */
  readonly context?: string | undefined;
}

export interface ServerFinder {
  /** @throws {CommandError} (unreachable) if there are none. */
  readonly find: (signal: AbortSignal) => Promise<readonly FoundServer[]>;
}

export interface FoundServer {
  /** The name in messages. */
  readonly name: string;
  /** In the form of `--server`. */
  readonly url: string;
}

/** Messages between a process and its parent. */
export interface ProcessChannel {
  readonly send: (message: unknown) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
}
