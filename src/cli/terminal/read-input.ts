import { constants, createReadStream, fstatSync, open } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { isatty, ReadStream as TerminalStream } from 'node:tty';
import { promisify } from 'node:util';
import { CommandError, exitCode } from './exit-code.ts';
import type { CommandIo } from './io.ts';
import { reasonOf } from '../../text/system-error.ts';

/** The path that stands for standard input. */
export const standardInput = '-';

/** Maximum number of bytes that are read from a pipe; the same as for a file in a watched directory. */
const maxPipeBytes = 16 * 2 ** 20;

/** Standard inputs that were read. A second read would find nothing, and it would count as an empty file. */
const readBefore = new WeakSet<Readable>();

/** Where a command reads from, and what ends the reading: a pipe and a terminal can be silent for ever. */
export type InputIo = Pick<CommandIo, 'stdin'> & Partial<Pick<CommandIo, 'signal'>>;

/**
 * Reads a file that an option names, or the standard input of `io` for `-`.
 * @throws {CommandError} (usage) if it cannot be read. The message names the file; (negative) if it is interrupted.
 */
export async function readInput(path: string, io: InputIo = {}): Promise<Buffer> {
  if (path === standardInput) return readStandardInput(io);
  return (await isPipe(path)) ? readPipe(path, io) : reading(path, () => readFile(path), io.signal);
}

/**
 * Reads the standard input to its end.
 * @throws {CommandError} (usage) if the process has no standard input, if it was read before, or if it is too long;
 * (negative) if it is interrupted.
 */
export async function readStandardInput({ stdin, signal }: InputIo): Promise<Buffer> {
  if (stdin === undefined) throw new CommandError(exitCode.usage, '-: the command has no standard input');
  if (readBefore.has(stdin))
    throw new CommandError(exitCode.usage, '-: is given twice, and the standard input can be read only once');
  readBefore.add(stdin);
  return reading('the standard input', () => readStream(stdin, signal), signal);
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
 * @throws {CommandError} (usage) if it cannot be read or is too long. The message names the pipe; (negative) if it is
 * interrupted.
 */
export function readPipe(path: string, { signal }: Partial<Pick<CommandIo, 'signal'>> = {}): Promise<Buffer> {
  return reading(path, async () => readStream(await openPipe(path), signal), signal);
}

/**
 * Opens a pipe or device for a stream that an interruption ends. A file stream would block a thread until a writer
 * opens the pipe and writes, and no process can exit before its threads: not even after a second signal.
 * @throws {Error} the error of the system.
 */
export async function openPipe(path: string): Promise<Readable> {
  const fd = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  if (isatty(fd)) return new TerminalStream(fd);
  const isFifo = fstatSync(fd).isFIFO();
  return isFifo ? new Socket({ fd, readable: true, writable: false }) : createReadStream(path, { fd });
}

async function readStream(stream: Readable, signal: AbortSignal | undefined): Promise<Buffer> {
  if (signal !== undefined) addAbortSignal(signal, stream);
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

async function reading(
  name: string,
  read: () => Promise<Buffer>,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  try {
    return await read();
  } catch (error) {
    if (signal?.aborted === true) throw new CommandError(exitCode.negative, 'interrupted');
    const reason = reasonOf(error);
    throw new CommandError(exitCode.usage, `${name} cannot be read: ${reason}`);
  }
}
