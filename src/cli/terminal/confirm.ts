import { createInterface } from 'node:readline/promises';
import type { CommandIo } from './io.ts';

/** Whether somebody is there to be asked. */
export function canAsk({ stdin }: CommandIo): boolean {
  return stdin?.isTTY === true;
}

/** Asks on the terminal. Only `y` and `yes` mean yes; the end of the input and an interruption mean no. */
export async function confirm(io: CommandIo, question: string): Promise<boolean> {
  if (io.stdin === undefined) return false;
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: io.signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
