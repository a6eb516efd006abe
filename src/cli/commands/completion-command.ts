import type { Action } from './command.ts';
import { readCommand } from '../completion/command-tree.ts';
import type { CommandNode } from '../completion/command-tree.ts';
import { bashCompletion } from '../completion/completion-bash.ts';
import { fishCompletion } from '../completion/completion-fish.ts';
import { zshCompletion } from '../completion/completion-zsh.ts';
import { exitCode } from '../terminal/exit-code.ts';

const scripts = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Record<string, (root: CommandNode) => string>;

type Shell = keyof typeof scripts;

/** Prints a script by which a shell completes commands, options and values. */
export const completion: Action<object> = async ({ operands: [shell], io, program }) => {
  io.stdout.write(scripts[shell as Shell](readCommand(program)));
  return exitCode.ok;
};
