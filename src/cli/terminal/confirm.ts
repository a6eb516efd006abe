import { createInterface } from 'node:readline/promises';
import type { CommandIo } from './io.ts';

/** True if the command can ask a person. */
export function canAsk({ stdin }: CommandIo): boolean {
  return stdin?.isTTY === true;
}

/** Asks on the terminal. Returns true for `y` and `yes` only: the end of the input and an interruption mean no. */
export async function confirm(io: CommandIo, question: string): Promise<boolean> {
  if (io.stdin === undefined) return false;
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  // The promise of question() stays pending when the input ends.
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal: io.signal }), ended]);
    return /^y(?:es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
