import type { Command } from 'commander';
import { readCommand } from '../completion/command-tree.ts';
import { completeWords } from '../completion/complete-words.ts';
import { exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { kubectlOptions } from '../kubectl/kubectl-arguments.ts';

/** Last line of the output: whether kubectl also offers file names. https://github.com/spf13/cobra */
const directives = { none: ':4', files: ':0' } as const;

/**
 * Adds the hidden `meshtrust complete`, which prints completions of a command line of `kubectl meshtrust`. kubectl
 * runs the executable `kubectl_complete-meshtrust` with the words of the line.
 */
export function addCompleteCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  program
    .command('complete', { hidden: true })
    .argument('[word...]')
    .action((words: readonly string[]) => {
      const { words: found, files } = completeWords(readCommand(program), words, kubectlOptions);
      const lines = found.map(({ word, description }) =>
        description === '' ? word : `${word}\t${description}`,
      );
      io.stdout.write([...lines, files ? directives.files : directives.none, ''].join('\n'));
      done(exitCode.ok);
    });
}
