import { dump } from 'js-yaml';
import { isUnsafe, plainJson, plainStrings, plainText } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';
import type { OutputFormat } from './output-format.ts';
import { hasColours, paint } from './terminal.ts';
import type { Tone } from './terminal.ts';

export { paint } from './terminal.ts';
export type { Tone } from './terminal.ts';

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** True if only `-o wide` shows the column. */
  readonly wide?: boolean | undefined;
  readonly tone?: ((row: Row) => Tone | undefined) | undefined;
}

export interface TableStyle {
  readonly wide: boolean;
  readonly colour: boolean;
}

/** Maximum length of a cell: node ids of proxies can have thousands of characters. */
const cellLength = 200;

/**
 * Writes the result of a command to stdout: the data as JSON or YAML, or the text that `people` returns for it.
 * `people` receives the data with every string on one line. Messages belong on stderr.
 */
export function writeOutput<Data extends object>(
  io: CommandIo,
  format: OutputFormat,
  data: Data,
  people: (style: TableStyle, data: Data) => string,
): void {
  io.stdout.write(formatOutput(format, data, (plain) => people(styleOf(io, format), plain)));
}

/** Returns the text that `writeOutput` writes. */
export function formatOutput<Data extends object>(
  format: OutputFormat,
  data: Data,
  people: (data: Data) => string,
): string {
  switch (format) {
    case 'json':
      return toJson(data);
    case 'yaml':
      return toYaml(data);
    case 'table':
    case 'wide':
      return people(plainStrings(data));
  }
}

/** Returns indented JSON with a final line break. */
export function toJson(data: object): string {
  return `${plainJson(JSON.stringify(data, null, 2))}\n`;
}

/** Returns YAML with the same fields as the JSON: undefined fields are left out. */
export function toYaml(data: object): string {
  const text = dump(JSON.parse(JSON.stringify(data)), { lineWidth: -1, noRefs: true });
  // js-yaml escapes control characters, but no other unsafe characters. JSON is valid YAML, and `toJson` escapes all.
  return isUnsafe(text) ? toJson(data) : text;
}

/** Returns the style of tables. */
export function styleOf({ env, stdout }: CommandIo, format: OutputFormat): TableStyle {
  return { wide: format === 'wide', colour: hasColours(env, stdout) };
}

/**
 * Renders a table with a line of titles and columns two spaces apart. Removes control characters from cells, and
 * renders an empty cell as `-`, so that every line has the same number of fields.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { wide, colour }: TableStyle,
): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map(({ value }) => plainText(value(row), cellLength) || '-'));
  const widths = shown.map(({ title }, index) =>
    cells.reduce((widest, line) => Math.max(widest, widthOf(line[index] ?? '')), widthOf(title)),
  );
  const lineOf = (line: readonly string[], tones: readonly (Tone | undefined)[]): string =>
    line
      .map((text, index) => {
        // The last column needs no padding.
        const gap = index === line.length - 1 ? 0 : (widths[index] ?? 0) - widthOf(text) + 2;
        return paint(text, colour ? tones[index] : undefined) + ' '.repeat(gap);
      })
      .join('');
  const titles = lineOf(
    shown.map(({ title }) => title),
    shown.map(() => 'faint'),
  );
  const lines = rows.map((row, index) =>
    lineOf(
      cells[index] ?? [],
      shown.map(({ tone }) => tone?.(row)),
    ),
  );
  return `${[titles, ...lines].join('\n')}\n`;
}

/** Formats a duration in its one or two largest units: `850ms`, `12s`, `3m20s`, `5h`, `12d`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 && seconds % 60 > 0 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

const graphemes = new Intl.Segmenter('en');

function widthOf(text: string): number {
  return Array.from(graphemes.segment(text)).length;
}
