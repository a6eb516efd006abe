import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Returns the files of the repository that match a pattern of git. */
export function trackedFiles(...patterns: readonly string[]): readonly string[] {
  return execFileSync('git', ['ls-files', '-z', ...patterns], {
    cwd: root,
    encoding: 'utf8',
    timeout: 10_000,
  })
    .split('\0')
    .filter((path) => path !== '');
}

/** A fenced block of a page, without the indentation of lists. */
export interface Block {
  /** Empty for a block that shows commands with their output. */
  readonly language: string;
  readonly text: string;
}

/** Returns the fenced blocks of a page. */
export function blocksOf(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(
    ([, indent = '', language = '', text = '']) => ({
      language,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/** A command line of a page. */
export interface Step {
  /** Without the comment behind it, and with its continued lines in one. */
  readonly command: string;
  /** The comment behind the command. */
  readonly comment: string;
  /** The output that the page shows; undefined in a block of commands only. */
  readonly output: string | undefined;
}

/**
 * Returns the command lines of a page: each line of its `sh` blocks, and in blocks without a language each line after
 * `$ `, with its output.
 */
export function stepsOf(markdown: string): readonly Step[] {
  return blocksOf(markdown).flatMap(({ language, text }) => {
    const joined = text.replaceAll(/\\\n\s*/g, '').replaceAll(/(\||&&)\n\s*/g, '$1 ');
    if (language === 'sh')
      return joined
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith('#'))
        .map((line) => stepOf(line, undefined));
    if (language !== '' || !joined.startsWith('$ ')) return [];
    return joined
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [line = '', ...output] = part.split('\n');
        return stepOf(line, output.join('\n').trimEnd());
      });
  });
}

function stepOf(line: string, output: string | undefined): Step {
  const [command = '', comment = ''] = line.split(/\s+# (.*)$/, 2);
  return { command: command.trim(), comment, output };
}
