import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** Minimum, median and maximum of measurements. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { min: at(sorted, 0), median: at(sorted, 0.5), max: at(sorted, 1) };
}

/** Returns the quantile of sorted values. */
export function percentile(values: readonly number[], share: number): number {
  return at(
    values.toSorted((a, b) => a - b),
    share,
  );
}

function at(sorted: readonly number[], share: number): number {
  // Nearest rank: the smallest value for which at least this share of all values is not greater.
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Returns the CPU time that this process spends on a call, in ms. */
export function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Returns the machine and versions of a measurement. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `${model}, ${availableParallelism()} cores; Node.js ${process.version}; ${new Date().toISOString().slice(0, 10)}`;
}

/** Prints a report. With `--write`, also writes it to `<name>.md` in this folder. */
export async function report(lines: readonly string[]): Promise<void> {
  const [, program = ''] = process.argv;
  const text = `${lines.join('\n')}\n`;
  process.stdout.write(text);
  if (!process.argv.includes('--write')) return;
  const name = basename(program, '.ts');
  await writeReport(`${name}.md`, `${text}\n\`node bench/${name}.ts --write\`\n`);
}

/** Writes a file of this folder, formatted by Prettier. */
export async function writeReport(name: string, text: string): Promise<void> {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const options = await resolveConfig(path);
  await writeFile(path, await format(text, { ...options, parser: 'markdown' }));
}

/** Returns a row of a Markdown table. */
export function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}
