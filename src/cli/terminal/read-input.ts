import { readFile } from 'node:fs/promises';
import { CommandError, exitCode } from './exit-code.ts';

/**
 * Reads a file that an option names.
 * @throws {CommandError} (usage) that names the file, when it cannot be read.
 */
export async function readInput(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCode.usage, `${path} cannot be read: ${reason}`);
  }
}
