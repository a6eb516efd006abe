import type { CommandNode, CommandValue } from './command-tree.ts';

/** Returns a completion script for fish, for `~/.config/fish/completions/meshtrust.fish`, or to be sourced. */
export function fishCompletion(root: CommandNode): string {
  return `# fish completion for ${root.name}; made by: ${root.name} completion fish
# Try it: ${root.name} completion fish | source

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
      return `${always} ${flags.join(' ')}${value === undefined ? '' : ` ${takes(value)}`} -d ${quote(description)}`;
    }),
    ...(operand === undefined ? [] : operandLine(always, operand)),
    ...commands.flatMap((command) => linesOf(command, program, [...way, [command.name, ...command.aliases]])),
  ];
}

/** Returns the flags of `complete` for the value of an option. */
function takes(value: CommandValue): string {
  switch (value.kind) {
    case 'file':
      return '-r -F';
    case 'one-of':
      return `-x -a ${quote(value.choices.join(' '))}`;
    case 'text':
      return '-x';
  }
}

function operandLine(start: string, value: CommandValue): readonly string[] {
  switch (value.kind) {
    case 'file':
      return [`${start} -F`];
    case 'one-of':
      return [`${start} -a ${quote(value.choices.join(' '))}`];
    case 'text':
      return [];
  }
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
