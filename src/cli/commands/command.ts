import type { Command } from 'commander';
import type { FlagName } from '../flags/flags.ts';
import type { ExitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** One run of a command. */
export interface Invocation<Options> {
  /** Arguments that are not options. */
  readonly operands: readonly string[];
  readonly options: Options;
  readonly io: CommandIo;
  /** Returns true if the command line contains the flag. */
  readonly isGiven: (name: FlagName) => boolean;
  /** The definitions of all commands. */
  readonly program: Command;
  /** Runs another command line. */
  readonly run: (io: CommandIo) => Promise<number>;
}

/**
 * Runs a command and returns the exit code.
 * @throws {CommandError} for an expected failure.
 */
export type Action<Options> = (invocation: Invocation<Options>) => Promise<ExitCode>;
