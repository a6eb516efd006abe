import type { Argument, Command, Option } from 'commander';

/** A command as people type it: what a shell needs to know to complete it. */
export interface CommandNode {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
  /** What follows the options; undefined where nothing does. */
  readonly operand: CommandValue | undefined;
}

export interface OptionNode {
  /** With their dashes: `--output`, and where there is one `-o`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: CommandValue | undefined;
}

/** What a value can be. */
export type CommandValue =
  | { readonly kind: 'file' }
  | { readonly kind: 'one-of'; readonly choices: readonly string[] }
  /** Anything else; the name says what. */
  | { readonly kind: 'text'; readonly name: string };

/** Reads the definitions of a program; what is hidden stays so. */
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
    value: placeholder === undefined ? undefined : valueOf(option, placeholder),
  };
}

/** The names of places are those of `<file>` and `<path>` in flags and arguments. */
const filePlaces: ReadonlySet<string> = new Set(['file', 'path', 'after']);

function valueOf({ argChoices }: Pick<Option | Argument, 'argChoices'>, name: string): CommandValue {
  if (argChoices !== undefined) return { kind: 'one-of', choices: argChoices };
  return filePlaces.has(name) ? { kind: 'file' } : { kind: 'text', name };
}
