import { InvalidArgumentError } from 'commander';
import type { Action } from './command.ts';
import { readCommand } from '../completion/command-tree.ts';
import { completeWords } from '../completion/complete-words.ts';
import { servedNames } from '../offline/served-names.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import { serverFlags } from '../flags/flag-groups.ts';
import { environmentVariable, flag } from '../flags/flags.ts';
import { exitCode } from '../terminal/exit-code.ts';
import { kubectlOptions } from '../kubectl/kubectl-arguments.ts';

/** Last line of the output: whether kubectl also offers file names. https://github.com/spf13/cobra */
const directives = { none: ':4', files: ':0' } as const;

/**
 * Prints completions of a command line, without the name of the program: for kubectl, which runs the executable
 * `kubectl_complete-meshtrust` with the words of the line, and for names in the completion scripts of shells.
 */
export const complete: Action<object> = async ({ operands: words, io, program }) => {
  const { words: found, files, served } = completeWords(readCommand(program), words, kubectlOptions);
  const lines = found.map(({ word, description }) => (description === '' ? word : `${word}\t${description}`));
  if (served !== undefined) {
    const options = serverOptionsIn(words, io.env);
    const names = options === undefined ? [] : await servedNames(served.what, options, io);
    for (const name of names) if (name.startsWith(served.current)) lines.push(`${served.before}${name}`);
  }
  io.stdout.write([...lines, files ? directives.files : directives.none, ''].join('\n'));
  return exitCode.ok;
};

/**
 * Reads the options for the connection to a server from an incomplete command line, and else from the environment.
 * Returns `undefined` if one of them cannot be read.
 */
function serverOptionsIn(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ServerOptions | undefined {
  const values: Record<string, unknown> = {};
  for (const name of serverFlags) {
    const option = flag(name);
    const long = option.long ?? '';
    const given = words.flatMap((word, index) => {
      if (word.startsWith(`${long}=`)) return word.slice(long.length + 1);
      return word === long ? (words[index + 1] ?? []) : [];
    });
    const fromEnvironment = env[environmentVariable(name) ?? ''] ?? '';
    const texts = given.length > 0 || fromEnvironment === '' ? given : [fromEnvironment];
    values[name] = option.defaultValue;
    try {
      for (const text of texts) values[name] = option.parseArg?.(text, values[name]) ?? text;
    } catch (error) {
      if (error instanceof InvalidArgumentError) return undefined;
      throw error;
    }
  }
  return values as unknown as ServerOptions;
}
