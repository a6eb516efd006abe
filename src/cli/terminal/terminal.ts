import { Writable } from 'node:stream';
import { oneLine, plainLines } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';

/** The meaning of a cell's value; a terminal shows it as a colour. */
export type Tone = 'good' | 'warning' | 'bad' | 'faint';

/**
 * The control sequences of the program itself, each represented by a noncharacter of Unicode. Only `terminalText`
 * inserts the sequences, so text from outside cannot contain one.
 */
const sequences = {
  good: ['\ufdd0', '\u001b[32m'],
  warning: ['\ufdd1', '\u001b[33m'],
  bad: ['\ufdd2', '\u001b[31m'],
  faint: ['\ufdd3', '\u001b[90m'],
  end: ['\ufdd4', '\u001b[39m'],
  clear: ['\ufdd5', '\u001b[H\u001b[J'],
} as const satisfies Readonly<Record<Tone | 'end' | 'clear', readonly [mark: string, sequence: string]>>;
const byMark: ReadonlyMap<string, string> = new Map(Object.values(sequences));
const marks = new RegExp(`([${[...byMark.keys()].join('')}])`, 'u');

/** Clears the screen of a terminal. */
export const clearScreen: string = sequences.clear[0];

/** Returns text in the colour of a tone; unchanged if the tone is undefined. */
export function paint(text: string, tone: Tone | undefined): string {
  return tone === undefined ? text : `${sequences[tone][0]}${oneLine(text)}${sequences.end[0]}`;
}

/** Converts text for a terminal: replaces unsafe characters, and turns the program's colour marks into sequences. */
export function terminalText(text: string): string {
  // Every second part is a mark, because the expression has a group.
  return text
    .split(marks)
    .map((part) => byMark.get(part) ?? plainLines(part))
    .join('');
}

/**
 * Returns whether output to a stream has colours: on a terminal, unless `NO_COLOR` (https://no-color.org) or
 * `TERM=dumb` is set; everywhere with `FORCE_COLOR`, except for its value 0 (https://force-color.org).
 */
export function hasColours(env: CommandIo['env'], stream: Writable): boolean {
  const { FORCE_COLOR: force = '', NO_COLOR: no = '', TERM: terminal } = env;
  if (force !== '') return force !== '0';
  return no === '' && terminal !== 'dumb' && 'isTTY' in stream && stream.isTTY === true;
}

/** Writes text to stderr as one line. */
export function say({ stderr }: Pick<CommandIo, 'stderr'>, line: string): void {
  stderr.write(`${oneLine(line)}\n`);
}

/** Writes an error to stderr as one line. */
export function sayError({ env, stderr }: Pick<CommandIo, 'env' | 'stderr'>, message: string): void {
  const mark = paint('error:', hasColours(env, stderr) ? 'bad' : undefined);
  stderr.write(`${mark} ${oneLine(message)}\n`);
}

/** Returns `io` with streams that remove unsafe characters, such as control sequences, from all output. */
export function guardTerminal(io: CommandIo): CommandIo {
  return { ...io, stdout: guarded(io.stdout), stderr: guarded(io.stderr) };
}

/** The streams below guarded ones. */
const below = new WeakMap<Writable, Writable>();

/** Calls back when a stream fails, such as when its reader has closed the pipe. Returns a function that stops this. */
export function onLost(stream: Writable, callback: () => void): () => void {
  const target = below.get(stream) ?? stream;
  target.once('error', callback);
  return () => void target.off('error', callback);
}

function guarded(stream: Writable): Writable {
  const isTerminal = 'isTTY' in stream && stream.isTTY === true;
  const writable = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _, done) => {
      // The underlying stream buffers data for a slow reader, and reports its own errors.
      stream.write(terminalText(chunk.toString()));
      done();
    },
  });
  below.set(writable, stream);
  return Object.assign(writable, { isTTY: isTerminal });
}
