import type { CommandNode, CommandValue } from './command-tree.ts';

/**
 * Returns a completion script for bash 3.2 (the version of macOS) or newer. It does not need the package
 * bash-completion.
 */
export function bashCompletion(root: CommandNode): string {
  const all = walk(root, root.name);
  return `# bash completion for ${root.name}; made by: ${root.name} completion bash
# Try it: source <(${root.name} completion bash)

# Names that a running server knows. They are not expanded, since proxies choose their node ids themselves. Bash
# replaces only the last part of the word.
_${root.name}_names() {
  local word
  while IFS= read -r word; do
    word="\${word%%$'\\t'*}"
    [[ $word == :* || $word != "$before"* ]] || COMPREPLY+=("\${word#"$before"}")
  done < <("\${COMP_WORDS[0]}" complete -- "\${typed[@]}" 2>/dev/null)
}

_${root.name}() {
  # Bash takes --name=value for three words, and the address of a server for five.
  local typed=() line="\${COMP_LINE:0:COMP_POINT}" word i last=-1
  line="\${line#*"\${COMP_WORDS[0]}"}"
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $last -lt 0 || -z $line || $line == [[:space:]]* ]]; then
      line="\${line#"\${line%%[![:space:]]*}"}"
      last=$((last + 1))
      typed[last]=$word
    else
      typed[last]+=$word
    fi
    line="\${line#"$word"}"
  done
  local cur="\${COMP_WORDS[COMP_CWORD]}" full="\${typed[last]}" prev=''
  if [[ $cur == [=:] ]]; then cur=''; fi
  local before="\${full%"$cur"}"
  if [[ $full == --*=* ]]; then prev="\${full%%=*}"; elif ((last > 0)); then prev="\${typed[last-1]}"; fi

  local path='${root.name}'
  for ((i = 0; i < last; i++)); do
    case "$path \${typed[i]}" in
${all.flatMap(({ path, node }) => node.commands.map((command) => descend(path, command))).join('\n')}
    esac
  done

  local IFS=$'\\n'
  COMPREPLY=()
  case "$path $prev" in
${all.flatMap(({ path, node }) => valueCases(path, node)).join('\n')}
  esac

  local words='' files='' names=''
  case "$path" in
${all.map(({ path, node }) => wordCase(path, node)).join('\n')}
  esac
  if [[ $cur == -* || -z $files ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    [[ $cur == -* || -z $names ]] || _${root.name}_names
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}

complete -F _${root.name} ${root.name}
`;
}

interface Located {
  readonly path: string;
  readonly node: CommandNode;
}

/** Returns all commands, each with the path of names from the root. */
function walk(node: CommandNode, path: string): readonly Located[] {
  return [{ path, node }, ...node.commands.flatMap((command) => walk(command, `${path} ${command.name}`))];
}

function descend(path: string, { name, aliases }: CommandNode): string {
  const names = [name, ...aliases].map((one) => quote(`${path} ${one}`)).join('|');
  return `      ${names}) path=${quote(`${path} ${name}`)} ;;`;
}

/** Returns the cases that complete the value of an option. */
function valueCases(path: string, { options }: CommandNode): readonly string[] {
  return options.flatMap(({ names, value }) => {
    if (value === undefined) return [];
    const patterns = names.map((name) => quote(`${path} ${name}`)).join('|');
    return [`    ${patterns}) ${replies(value, path)}return ;;`];
  });
}

function replies(value: CommandValue, path: string): string {
  switch (value.kind) {
    case 'file':
      return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); ';
    case 'one-of':
      return `COMPREPLY=($(compgen -W ${lines(value.choices)} -- "$cur")); `;
    case 'served':
      return `_${path.split(' ')[0] ?? ''}_names; `;
    case 'text':
      return '';
  }
}

/** Returns the case that completes the words after a command: options, subcommands and arguments. */
function wordCase(path: string, { options, commands, operand }: CommandNode): string {
  const words = [
    ...commands.flatMap(({ name, aliases }) => [name, ...aliases]),
    ...(operand?.kind === 'one-of' ? operand.choices : []),
    ...options.flatMap(({ names }) => names),
  ];
  const more = operand?.kind === 'file' ? ' files=yes' : operand?.kind === 'served' ? ' names=yes' : '';
  return `    ${quote(path)}) words=${lines(words)}${more} ;;`;
}

/** Returns a word list for compgen, which splits it at IFS: at line feeds. */
function lines(words: readonly string[]): string {
  return `$'${words.join('\\n')}'`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
