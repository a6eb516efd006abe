import type { Argument, Command, Option } from 'commander';

/** A command, with everything that a shell needs to complete it. */
export interface CommandNode {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
  /** The argument of the command; undefined if it has none. */
  readonly operand: CommandValue | undefined;
}

export interface OptionNode {
  /** With dashes: `--output`, and `-o` if there is a short name. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: CommandValue | undefined;
}

/** The kind of an option's or argument's value. */
export type CommandValue =
  | { readonly kind: 'file' }
  | { readonly kind: 'one-of'; readonly choices: readonly string[] }
  /** A name that a running server knows. */
  | { readonly kind: 'served'; readonly what: ServedName }
  /** Any other value; `name` describes it. */
  | { readonly kind: 'text'; readonly name: string };

/** The kinds of names that a running server knows. */
export type ServedName = 'mesh' | 'proxy' | 'secret' | 'trust-domain';

/** Reads the definitions of a program, without hidden commands and options. */
export function readCommand(command: Command): CommandNode {
  const help = command.createHelp();
  const [operand] = command.registeredArguments;
  return {
    name: command.name(),
    aliases: command.aliases(),
    description: command.description(),
    options: help.visibleOptions(command).map(readOption),
    commands: help.visibleCommands(command).map(readCommand),
    operand: operand === undefined ? undefined : valueOf(operand, operand.name()),
  };
}

function readOption(option: Option): OptionNode {
  const { short, long, flags, description } = option;
  const placeholder = /[<[](?<name>[^>\].]+)/.exec(flags)?.groups?.['name'];
  return {
    names: [long, short].filter((name) => name !== undefined && name !== null),
    description: description.replace(/ \(env: \w+\)$/, ''),
    value: placeholder === undefined ? undefined : valueOf(option, long ?? placeholder, placeholder),
  };
}

/** Placeholders in flags and arguments that stand for files, such as `<file>`. */
const filePlaces: ReadonlySet<string> = new Set(['file', 'path', 'after']);

/** Options and arguments whose values are names that a server knows. */
const served: ReadonlyMap<string, ServedName> = new Map([
  ['--mesh', 'mesh'],
  ['--secret', 'secret'],
  ['--trust-domain', 'trust-domain'],
  ['node', 'proxy'],
]);

/** Returns the kind of the value of an option (`id`: its long name) or an argument. */
function valueOf(
  { argChoices }: Pick<Option | Argument, 'argChoices'>,
  id: string,
  placeholder = id,
): CommandValue {
  if (argChoices !== undefined) return { kind: 'one-of', choices: argChoices };
  const what = served.get(id);
  if (what !== undefined) return { kind: 'served', what };
  return filePlaces.has(placeholder) ? { kind: 'file' } : { kind: 'text', name: placeholder };
}
