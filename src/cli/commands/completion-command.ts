import { Argument } from 'commander';
import type { Command } from 'commander';
import { readCommand } from '../completion/command-tree.ts';
import type { CommandNode } from '../completion/command-tree.ts';
import { bashCompletion } from '../completion/completion-bash.ts';
import { fishCompletion } from '../completion/completion-fish.ts';
import { zshCompletion } from '../completion/completion-zsh.ts';
import { exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

const scripts = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Record<string, (root: CommandNode) => string>;

type Shell = keyof typeof scripts;

/** Adds `meshtrust completion`, which prints a script by which a shell completes commands, options and values. */
export function addCompletionCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  program
    .command('completion')
    .description('print a completion script for a shell: source <(meshtrust completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action((shell: Shell) => {
      io.stdout.write(scripts[shell](readCommand(program)));
      done(exitCode.ok);
    });
}
