import type { Readable, Writable } from 'node:stream';

/** The environment of a command. Data goes to stdout, messages to stderr. */
export interface CommandIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The content of a file named `-`. If it is a terminal, also the answers to confirmations. */
  readonly stdin?: (Readable & { readonly isTTY?: boolean }) | undefined;
  /** Aborted on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Milliseconds between two requests of `--watch` and of `rotate wait`. Default: 1,000. */
  readonly watchMs?: number | undefined;
  /** The channel to the parent process, if there is one. */
  readonly channel?: ProcessChannel | undefined;
  /** Finds servers if neither the command line nor the environment names one. Default: the default of `--server`. */
  readonly servers?: ServerFinder | undefined;
  /** The cluster that the options of kubectl select. Default: as for kubectl without options. */
  readonly cluster?: ClusterChoice | undefined;
}

interface ClusterChoice {
  /** The file of `--kubeconfig`. */
  readonly kubeconfig?: string | undefined;
  /** The context of `--context`. */
  readonly context?: string | undefined;
}

export interface ServerFinder {
  /**
   * Returns the servers.
   * @throws {CommandError} (unreachable) if none is found, or none can be reached.
   */
  readonly find: (signal: AbortSignal) => Promise<readonly (FoundServer | LostServer)[]>;
}

export interface FoundServer {
  /** The name of the server in messages. */
  readonly name: string;
  /** The URL, in the form of `--server`. */
  readonly url: string;
}

/** A server that exists, but cannot be reached. */
export interface LostServer {
  readonly name: string;
  readonly failure: string;
}

/** The channel of messages between this process and its parent. */
export interface ProcessChannel {
  readonly send: (message: unknown) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
}
