import type { CommandNode, CommandValue } from './command-tree.ts';

/** Returns a completion script for fish, for `~/.config/fish/completions/meshtrust.fish`, or to be sourced. */
export function fishCompletion(root: CommandNode): string {
  return `# fish completion for ${root.name}; made by: ${root.name} completion fish
# Try it: ${root.name} completion fish | source

function __${root.name}_names
    set -l words (commandline -opc)
    $words[1] complete -- $words[2..] (commandline -ct) 2>/dev/null | string replace -r '^--[^=]*=' '' | string match -v -r '^[:-]'
end

complete -c ${root.name} -f
${linesOf(root, root.name, []).join('\n')}
`;
}

/** Returns the lines for a command. They apply if all names on the path to the command were typed. */
function linesOf(node: CommandNode, program: string, way: readonly (readonly string[])[]): readonly string[] {
  const { options, commands, operand } = node;
  const below = commands.flatMap(({ name, aliases }) => [name, ...aliases]);
  const seen = way.map((names) => `__fish_seen_subcommand_from ${names.join(' ')}`);
  const none = below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`];
  const start = `complete -c ${program} -n ${quote([...seen, ...none].join('; and '))}`;
  const always = seen.length === 0 && none.length === 0 ? `complete -c ${program}` : start;
  return [
    ...commands.flatMap(({ name, aliases, description }) =>
      [name, ...aliases].map((one) => `${always} -a ${quote(one)} -d ${quote(description)}`),
    ),
    ...options.map(({ names, description, value }) => {
      const flags = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      return `${always} ${flags.join(' ')}${value === undefined ? '' : ` ${takes(value, program)}`} -d ${quote(description)}`;
    }),
    ...(operand === undefined ? [] : operandLine(always, operand, program)),
    ...commands.flatMap((command) => linesOf(command, program, [...way, [command.name, ...command.aliases]])),
  ];
}

/** Returns the flags of `complete` for the value of an option. */
function takes(value: CommandValue, program: string): string {
  switch (value.kind) {
    case 'file':
      return '-r -F';
    case 'one-of':
      return `-x -a ${quote(value.choices.join(' '))}`;
    case 'served':
      return `-x -a '(__${program}_names)'`;
    case 'text':
      return '-x';
  }
}

function operandLine(start: string, value: CommandValue, program: string): readonly string[] {
  switch (value.kind) {
    case 'file':
      return [`${start} -F`];
    case 'one-of':
      return [`${start} -a ${quote(value.choices.join(' '))}`];
    case 'served':
      return [`${start} -a '(__${program}_names)'`];
    case 'text':
      return [];
  }
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
