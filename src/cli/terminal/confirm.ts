import { createInterface } from 'node:readline/promises';
import { oneLine } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';

/** True if the command can ask a person. */
export function canAsk({ stdin }: CommandIo): boolean {
  return stdin?.isTTY === true;
}

/** Asks on the terminal, in one line whatever is in the question. Returns true for `y` and `yes` only: the end of the input and an interruption mean no. */
export async function confirm(io: CommandIo, question: string): Promise<boolean> {
  if (io.stdin === undefined) return false;
  // Without readline's editing: its control sequences would not pass the guard of the terminal.
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  // The promise of question() stays pending when the input ends.
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const prompt = `${oneLine(question)} [y/N] `;
    const answer = await Promise.race([lines.question(prompt, { signal: io.signal }), ended]);
    return /^y(?:es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
