import { createInterface } from 'node:readline/promises';
import { oneLine } from '../../text/plain-text.ts';
import type { CommandIo } from './io.ts';

/** Returns true if stdin is a terminal, so that a person can answer. */
export function canAsk({ stdin }: CommandIo): boolean {
  return stdin?.isTTY === true;
}

/**
 * Asks a question on the terminal, on one line. Returns true only for `y` and `yes`: the end of the input and an
 * interruption mean no.
 */
export async function confirm(io: CommandIo, question: string): Promise<boolean> {
  if (io.stdin === undefined) return false;
  // Without readline's line editing: `guardTerminal` would remove its control sequences.
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
