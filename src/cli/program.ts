import { Command, CommanderError, Help } from 'commander';
import type { Option } from 'commander';
import { commandGroupSummaries, commandTable } from './command-table.ts';
import type { CommandDefinition } from './command-table.ts';
import type { Invocation } from './commands/command.ts';
import { byGroup } from './flags/flag-groups.ts';
import { flag, readEnvironment, withoutWide } from './flags/flags.ts';
import { CommandError, exitCode } from './terminal/exit-code.ts';
import type { CommandIo } from './terminal/io.ts';
import { guardTerminal, sayError } from './terminal/terminal.ts';
import { version, documentation } from './terminal/version.ts';

/** The end of the program's help. */
const programFooter: string = `
Help of a command: meshtrust COMMAND --help
Documentation: ${documentation('README.md')}
`;

/** Changes to the help if another program, such as kubectl, runs this one. */
export interface Host {
  /** Text before the program's name in usage lines. */
  readonly prefix: string;
  /** Text after the list of commands. */
  readonly help: string;
}

/** Runs one command line to its end and returns the exit code of the process. */
export async function runProgram(given: CommandIo, host?: Host): Promise<number> {
  const io = guardTerminal(given);
  let code: number = exitCode.ok;
  const program = createProgram(given, io, host, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(io.args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (!(error instanceof CommandError)) throw error;
    sayError(io, error.message);
    return error.code;
  }
}

/**
 * Defines all commands. `io` is `given` with its terminal guarded; `done` receives the exit code of the command that
 * ran.
 */
export function createProgram(
  given: CommandIo,
  io: CommandIo,
  host: Host | undefined,
  done: (code: number) => void,
): Command {
  const prefix = host === undefined ? '' : `${host.prefix} `;
  const program = new Command('meshtrust')
    .description(
      'Serves the CA certificates of MeshTrust resources to Envoy, as SPIFFE validation contexts over SDS and ADS.',
    )
    .version(version)
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .commandsGroup('Set up:')
    // Allows a command to have an option with the same name as an option of the program: `--version`.
    .enablePositionalOptions()
    .exitOverride()
    .hook('preAction', (_, command) => readEnvironment(command, io.env))
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text) => sayError(io, text.trim().replace(/^error: /, '')),
    })
    .configureHelp({
      commandUsage: (command) => `${prefix}${new Help().commandUsage(command)}`,
      optionDescription: describeOption,
      // It names the choices.
      argumentDescription: (argument) => argument.description,
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join(', '),
    })
    .addHelpText('after', `${host?.help ?? ''}${programFooter}`);
  for (const definition of commandTable) {
    const command = addCommand(program, definition);
    const commandIo = definition.unguarded === true ? given : io;
    command.action(async () => {
      const action = await definition.load();
      const invocation: Invocation<never> = {
        operands: command.args,
        options: command.opts() as never,
        io: commandIo,
        isGiven: (name) => command.getOptionValueSource(name) === 'cli',
        program,
        run: (other) => runProgram(other),
      };
      done(await action(invocation));
    });
  }
  return program;
}

function addCommand(program: Command, definition: CommandDefinition): Command {
  const { name, alias, group, summary, operands = [], flags, wide = true } = definition;
  const [last = '', parentName] = name.split(' ').toReversed();
  const command = parentOf(program, parentName, group).command(last, { hidden: group === undefined });
  command.description(summary).helpOption('-h, --help', 'show this help');
  if (group !== undefined && parentName === undefined) command.helpGroup(`${group}:`);
  if (alias !== undefined) command.alias(alias);
  for (const { name: operand, description, choices } of operands) {
    const argument = command.createArgument(operand, description);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const each of byGroup(flags)) {
    const option = flag(each);
    command.addOption(each === 'output' && !wide ? withoutWide(option) : option);
  }
  return command.addHelpText('after', () => footerOf(definition));
}

/** Returns the command to which a subcommand belongs. */
function parentOf(program: Command, name: string | undefined, group = ''): Command {
  if (name === undefined) return program;
  const known = program.commands.find((command) => command.name() === name);
  if (known !== undefined) return known;
  const examples = commandTable
    .filter((one) => one.name.startsWith(`${name} `))
    .flatMap((one) => one.examples);
  return program
    .command(name)
    .description(commandGroupSummaries[name] ?? '')
    .helpOption('-h, --help', 'show this help')
    .helpGroup(`${group}:`)
    .addHelpText('after', () => footerOf({ name, group, examples }));
}

/** Describes an option for the help: its description names the choices, so they are not listed again. */
export function describeOption(option: Option): string {
  const [, text = option.description, variable] = /^(.*) \((env: \w+)\)$/s.exec(option.description) ?? [];
  const { defaultValueDescription: fallback } = option;
  const notes = [fallback === undefined ? [] : `default: ${fallback}`, variable ?? []].flat();
  return notes.length === 0 ? text : `${text} (${notes.join(', ')})`;
}

/** Returns the examples of a command and the link to its documentation. */
function footerOf({ name, group, examples }: Pick<CommandDefinition, 'name' | 'group' | 'examples'>): string {
  if (group === undefined) return '';
  const lines = examples.map(([line, purpose]) => `  # ${purpose}\n  $ meshtrust ${line}\n`);
  const [page] = name.split(' ');
  const heading = examples.length === 1 ? 'Example' : 'Examples';
  return `\n${heading}:\n${lines.join('')}\nDocumentation: ${documentation(`commands.md#${page}`)}\n`;
}
