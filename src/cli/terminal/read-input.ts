import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CommandError, exitCode } from './exit-code.ts';
import type { CommandIo } from './io.ts';
import { reasonOf } from '../../text/system-error.ts';

/** The path that stands for standard input. */
export const standardInput = '-';

/** Maximum number of bytes that are read from a pipe; the same as for a file in a watched directory. */
const maxPipeBytes = 16 * 2 ** 20;

/**
 * Reads a file that an option names, or the standard input of `io` for `-`.
 * @throws {CommandError} (usage) if it cannot be read. The message names the file.
 */
export async function readInput(path: string, io: Pick<CommandIo, 'stdin'> = {}): Promise<Buffer> {
  return path === standardInput ? readStandardInput(io) : reading(path, () => readFile(path));
}

/** Standard inputs that were read. A second read would find nothing, and it would count as an empty file. */
const read = new WeakSet<Readable>();

/**
 * Reads the standard input to its end.
 * @throws {CommandError} (usage) if the process has no standard input, if it was read before, or if it is too long.
 */
export function readStandardInput({ stdin }: Pick<CommandIo, 'stdin'>): Promise<Buffer> {
  if (stdin === undefined) throw new CommandError(exitCode.usage, '-: the command has no standard input');
  if (read.has(stdin))
    throw new CommandError(exitCode.usage, '-: is given twice, and the standard input can be read only once');
  read.add(stdin);
  return reading('the standard input', () => readStream(stdin));
}

/**
 * Returns true for a pipe, a terminal or another device, such as `/dev/stdin`, or `<(…)` of a shell. Returns false if
 * the path does not exist.
 */
export async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFIFO() === true || found?.isCharacterDevice() === true;
}

/** Returns true for standard input (`-`) and for a pipe: what it had cannot be read a second time. */
export async function isReadOnce(path: string): Promise<boolean> {
  return path === standardInput || (await isPipe(path));
}

/**
 * Reads a pipe to its end.
 * @throws {CommandError} (usage) if it cannot be read or is too long. The message names the pipe.
 */
export function readPipe(path: string): Promise<Buffer> {
  return reading(path, () => readStream(createReadStream(path)));
}

async function readStream(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    length += bytes.length;
    if (length > maxPipeBytes) throw new Error(`it is longer than ${maxPipeBytes} bytes`);
  }
  return Buffer.concat(chunks);
}

async function reading(name: string, read: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await read();
  } catch (error) {
    const reason = reasonOf(error);
    throw new CommandError(exitCode.usage, `${name} cannot be read: ${reason}`);
  }
}
