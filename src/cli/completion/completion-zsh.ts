import type { CommandNode, CommandValue, OptionNode } from './command-tree.ts';

/** Returns a completion script for zsh, for a file `_meshtrust` in a folder of `fpath`, or to be sourced. */
export function zshCompletion(root: CommandNode): string {
  const name = functionOf([root.name]);
  return `#compdef ${root.name}
# zsh completion for ${root.name}; made by: ${root.name} completion zsh
# Try it: source <(${root.name} completion zsh)

# Names that a running server knows. The line is that of the whole command, also below a subcommand.
${name}_names() {
  local -a names
  names=(\${(f)"$(\${${name}_line[1]} complete -- "\${(@)${name}_line[2,-1]}" 2>/dev/null)"})
  names=(\${\${\${names:#:*}%%$'\\t'*}#--*=})
  names=(\${names:#-*})
  compadd -a names
}

${functionsOf(root, [root.name]).join('\n\n')}

if [[ \${funcstack[1]} == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${root.name}
fi
`;
}

/** Returns a shell function for each command, which completes its options and arguments. */
function functionsOf(node: CommandNode, path: readonly string[]): readonly string[] {
  const { commands, options, operand } = node;
  const below = commands.flatMap((command) => functionsOf(command, [...path, command.name]));
  const specs = options.flatMap(optionSpecs);
  if (commands.length === 0) {
    const rest = operand === undefined ? [] : [quote(`*:${messageOf(operand)}:${actionOf(operand)}`)];
    const body = `  _arguments -s -S ${[...specs, ...rest].join(' \\\n    ')}`;
    return [`${functionOf(path)}() {\n${body}\n}`];
  }
  const described = commands.map(({ name, description }) => `    ${quote(`${name}:${escape(description)}`)}`);
  const cases = commands.map(({ name, aliases }) => {
    const patterns = [name, ...aliases].join('|');
    return `        ${patterns}) ${functionOf([...path, name])} ;;`;
  });
  // Subcommands see only their own words.
  const line =
    path.length === 1 ? `  typeset -ga ${functionOf(path)}_line=("\${(@)words[1,CURRENT]}")\n` : '';
  const body = `${functionOf(path)}() {
${line}  local curcontext="$curcontext" state line
  typeset -A opt_args
  local -a commands=(
${described.join('\n')}
  )
  _arguments -C ${[...specs, quote('1:command:->command'), quote('*::argument:->argument')].join(' \\\n    ')}
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
}`;
  return [...below, body];
}

/** Returns the specifications of an option. All begin with `*`, as if repeatable, which is harmless for the others. */
function optionSpecs({ names, description, value }: OptionNode): readonly string[] {
  const text = escape(description);
  return names.map((name) => {
    // --name=value and --name value; -n value.
    const equals = value !== undefined && name.startsWith('--') ? '=' : '';
    const argument = value === undefined ? '' : `:${messageOf(value)}:${actionOf(value)}`;
    return quote(`*${name}${equals}[${text}]${argument}`);
  });
}

function actionOf(value: CommandValue): string {
  switch (value.kind) {
    case 'file':
      return '_files';
    case 'one-of':
      return `(${value.choices.join(' ')})`;
    case 'served':
      return '_meshtrust_names';
    case 'text':
      return ' ';
  }
}

function messageOf(value: CommandValue): string {
  return value.kind === 'text' ? escape(value.name) : value.kind === 'file' ? 'file' : 'value';
}

function functionOf(path: readonly string[]): string {
  return `_${path.join('_').replaceAll('-', '_')}`;
}

/** Escapes the characters that end a part of a specification. */
function escape(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
