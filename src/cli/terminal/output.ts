import { dump } from 'js-yaml';
import { isUnsafe, plainJson, plainStrings, plainText } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';
import { paint } from './terminal.ts';
import type { Tone } from './terminal.ts';

export { paint } from './terminal.ts';
export type { Tone } from './terminal.ts';

/** What `-o` takes: the first two are for people, with more columns in the second. */
export const outputFormats = ['table', 'wide', 'json', 'yaml'] as const;

export type OutputFormat = (typeof outputFormats)[number];

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Only shown by `-o wide`. */
  readonly wide?: boolean | undefined;
  readonly tone?: ((row: Row) => Tone | undefined) | undefined;
}

export interface TableStyle {
  readonly wide: boolean;
  readonly colour: boolean;
}

/** Longest text in a cell: what peers call themselves can have thousands of characters. */
const cellLength = 200;

/**
 * Writes a command's result to stdout: the data itself as JSON or YAML, or else what `people` makes of it, with every
 * string of the data on one line. Talk belongs on stderr.
 */
export function writeOutput<Data extends object>(
  io: CommandIo,
  format: OutputFormat,
  data: Data,
  people: (style: TableStyle, data: Data) => string,
): void {
  io.stdout.write(formatOutput(format, data, (plain) => people(styleOf(io, format), plain)));
}

/** The same as text. */
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

/** Indented JSON, with a line break at its end. */
export function toJson(data: object): string {
  return `${plainJson(JSON.stringify(data, null, 2))}\n`;
}

/** YAML with the fields that JSON has: what is undefined is left out. */
export function toYaml(data: object): string {
  const text = dump(JSON.parse(JSON.stringify(data)), { lineWidth: -1, noRefs: true });
  // js-yaml escapes control characters, but no others that are unsafe. JSON is YAML, and escapes them all.
  return isUnsafe(text) ? toJson(data) : text;
}

/** How tables look: with colours on a terminal, unless `NO_COLOR` is set (https://no-color.org). */
export function styleOf({ env, stdout }: CommandIo, format: OutputFormat): TableStyle {
  const isTerminal = 'isTTY' in stdout && stdout.isTTY === true;
  const colour = isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return { wide: format === 'wide', colour };
}

/**
 * A table with a line of titles, its columns two spaces apart. Cells are cleaned of what could steer a
 * terminal, and an empty one is `-`, so that every line has the same number of fields.
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
        // The last column has no end to line up.
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

/** A length of time for people, in its one or two largest units: `850ms`, `12s`, `3m20s`, `5h`, `12d`. */
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
