import type { CommandNode, CommandValue, OptionNode, ServedName } from './command-tree.ts';

/** The completions of a word. */
export interface Completions {
  readonly words: readonly { readonly word: string; readonly description: string }[];
  /** True if the word may also be a file name. */
  readonly files: boolean;
  /** If the word may also be a name that a server knows: which, its beginning, and the text before it. */
  readonly served?:
    { readonly what: ServedName; readonly current: string; readonly before: string } | undefined;
}

/**
 * Completes the last word of a command line, which may be empty. `words`: without the name of the program;
 * `everywhere`: options that every command has in addition to its own.
 */
export function completeWords(
  root: CommandNode,
  words: readonly string[],
  everywhere: readonly OptionNode[] = [],
): Completions {
  const current = words.at(-1) ?? '';
  let node = root;
  let options = [...root.options, ...everywhere];
  const optionOf = (name: string): OptionNode | undefined =>
    options.find(({ names }) => names.includes(name));
  let awaited: CommandValue | undefined;
  for (const word of words.slice(0, -1)) {
    if (awaited !== undefined) awaited = undefined;
    else if (word.startsWith('-')) awaited = optionOf(word)?.value;
    else {
      node = node.commands.find(({ name, aliases }) => name === word || aliases.includes(word)) ?? node;
      options = [...node.options, ...everywhere];
    }
  }
  if (awaited !== undefined) return ofValue(awaited, current, '');
  const [, name, value] = /^(?<name>--[^=]+)=(?<value>.*)$/s.exec(current) ?? [];
  if (name !== undefined && value !== undefined) {
    return ofValue(optionOf(name)?.value ?? { kind: 'text', name: '' }, value, `${name}=`);
  }
  if (current.startsWith('-')) {
    const all = options.flatMap(({ names, description }) => names.map((word) => ({ word, description })));
    return { words: all.filter(({ word }) => word.startsWith(current)), files: false };
  }
  const below = node.commands.map(({ name: word, description }) => ({ word, description }));
  const given = ofValue(node.operand ?? { kind: 'text', name: '' }, current, '');
  return { ...given, words: [...below.filter(({ word }) => word.startsWith(current)), ...given.words] };
}

function ofValue(value: CommandValue, current: string, before: string): Completions {
  const choices = value.kind === 'one-of' ? value.choices : [];
  return {
    words: choices
      .filter((choice) => choice.startsWith(current))
      .map((choice) => ({ word: `${before}${choice}`, description: '' })),
    files: value.kind === 'file',
    served: value.kind === 'served' ? { what: value.what, current, before } : undefined,
  };
}
