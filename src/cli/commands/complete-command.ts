import type { Action } from './command.ts';
import { readCommand } from '../completion/command-tree.ts';
import { completeWords } from '../completion/complete-words.ts';
import { exitCode } from '../terminal/exit-code.ts';
import { kubectlOptions } from '../kubectl/kubectl-arguments.ts';

/** Last line of the output: whether kubectl also offers file names. https://github.com/spf13/cobra */
const directives = { none: ':4', files: ':0' } as const;

/**
 * Prints completions of a command line of `kubectl meshtrust`. kubectl runs the executable
 * `kubectl_complete-meshtrust` with the words of the line.
 */
export const complete: Action<object> = async ({ operands: words, io, program }) => {
  const { words: found, files } = completeWords(readCommand(program), words, kubectlOptions);
  const lines = found.map(({ word, description }) => (description === '' ? word : `${word}\t${description}`));
  io.stdout.write([...lines, files ? directives.files : directives.none, ''].join('\n'));
  return exitCode.ok;
};
