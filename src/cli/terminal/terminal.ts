import { Writable } from 'node:stream';
import { oneLine, plainLines } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';

/** What a cell says about its row; a terminal shows it as a colour. */
export type Tone = 'good' | 'warning' | 'bad' | 'faint';

/**
 * The control sequences of the program itself, each behind a noncharacter of Unicode. Only the writer below knows the
 * sequences, so that no text from outside can be one.
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

/** Text in the colour of a tone; as it is without one. */
export function paint(text: string, tone: Tone | undefined): string {
  return tone === undefined ? text : `${sequences[tone][0]}${oneLine(text)}${sequences.end[0]}`;
}

/** Text as it goes to a terminal: unsafe characters are replaced, and the program's own colours become sequences. */
export function terminalText(text: string): string {
  // Each second part is a mark.
  return text
    .split(marks)
    .map((part) => byMark.get(part) ?? plainLines(part))
    .join('');
}

/** Writes one line to stderr, whatever is in the text. */
export function say({ stderr }: Pick<CommandIo, 'stderr'>, line: string): void {
  stderr.write(`${oneLine(line)}\n`);
}

/** The same streams, to which nothing is written that could steer a terminal. */
export function guardTerminal(io: CommandIo): CommandIo {
  return { ...io, stdout: guarded(io.stdout), stderr: guarded(io.stderr) };
}

function guarded(stream: Writable): Writable {
  const isTerminal = 'isTTY' in stream && stream.isTTY === true;
  const writable = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _, done) => {
      // The stream behind keeps what its reader does not take yet, and reports its own errors.
      stream.write(terminalText(chunk.toString()));
      done();
    },
  });
  return Object.assign(writable, { isTTY: isTerminal });
}
