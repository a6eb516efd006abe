/** Writes the table of flags into the README: `node scripts/flag-table.ts`. A test compares the two. */
import { readFile, writeFile } from 'node:fs/promises';
import { describeFlags } from '../src/cli/flags/flags.ts';

const readme = new URL('../README.md', import.meta.url);
const [begin, end] = ['<!-- flags: begin -->\n', '<!-- flags: end -->'];

/** The table as Markdown. */
export function flagTable(): string {
  const rows = describeFlags().map(({ flag, variable, fallback, description }) => {
    const shown = fallback === '' ? '' : `\`${fallback}\``;
    const named = variable === undefined ? '' : `\`${variable}\``;
    return `\`${flag}\` | ${named} | ${shown} | ${description}`;
  });
  return ['', 'flag | variable | default | what it does', '--- | --- | --- | ---', ...rows, '', ''].join(
    '\n',
  );
}

/** A text with the table between its marks replaced. */
export function withFlagTable(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error('README.md has no marks for the table of flags');
  return text.slice(0, from + begin.length) + flagTable() + text.slice(to);
}

if (import.meta.main) await writeFile(readme, withFlagTable(await readFile(readme, 'utf8')));
