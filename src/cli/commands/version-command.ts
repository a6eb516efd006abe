import type { Action } from './command.ts';
import { exitCode } from '../terminal/exit-code.ts';
import { version } from '../terminal/version.ts';

/** Prints the version, as `--version` does: many programs have this command. */
export const versionCommand: Action<object> = async ({ io }) => {
  io.stdout.write(`${version}\n`);
  return exitCode.ok;
};
