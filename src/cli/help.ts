import type { Option } from 'commander';
import type { CommandDefinition } from './command-table.ts';
import { documentation } from './terminal/version.ts';

/** Describes an option for the help: its description names the choices, so they are not listed again. */
export function describeOption(option: Option): string {
  const [, text = option.description, variable] = /^(.*) \((env: \w+)\)$/s.exec(option.description) ?? [];
  const { defaultValueDescription: fallback } = option;
  const notes = [fallback === undefined ? [] : `default: ${fallback}`, variable ?? []].flat();
  return notes.length === 0 ? text : `${text} (${notes.join(', ')})`;
}

/** Returns the examples of a command and the link to its documentation. */
export function footerOf({
  name,
  group,
  examples,
}: Pick<CommandDefinition, 'name' | 'group' | 'examples'>): string {
  if (group === undefined) return '';
  const lines = examples.map(([line, purpose]) => `  # ${purpose}\n  $ meshtrust ${line}\n`);
  const [page] = name.split(' ');
  const heading = examples.length === 1 ? 'Example' : 'Examples';
  return `\n${heading}:\n${lines.join('')}\nDocumentation: ${documentation(`commands.md#${page}`)}\n`;
}

/** The end of the program's help. */
export const programFooter: string = `
Help of a command: meshtrust COMMAND --help
Documentation: ${documentation('README.md')}
`;
