import { isUtf8 } from 'node:buffer';
import type { Finding } from '../../trust/findings/finding.ts';
import { parseFile } from '../../trust/model/parse-file.ts';
import type { ParseOptions } from '../../trust/model/parse-file.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { isReadOnce } from '../terminal/read-input.ts';
import { replaceFile, targetOf } from '../terminal/replace-file.ts';
import { withLock } from '../terminal/with-lock.ts';
import { reasonOf } from '../../text/system-error.ts';
import { readTexts } from './read-offline.ts';

/** A MeshTrust, and the text of the file that contains it. */
export interface FileResource {
  readonly resource: MeshTrust;
  readonly path: string;
  readonly text: string;
  /** What is remarkable about it, such as annotations that cannot be read. */
  readonly remarks: readonly Finding[];
}

/** Milliseconds to wait for another command that changes the file. */
const lockMs = 5_000;

/**
 * Reads all MeshTrusts of files and directories.
 * @throws {CommandError} (usage) if a path cannot be read, or a file has something invalid: it could be another
 * definition of the resource that is to be changed.
 */
export async function readResources(
  paths: readonly string[],
  parse: ParseOptions,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
): Promise<readonly FileResource[]> {
  const found: FileResource[] = [];
  for (const event of await readTexts(paths, io)) {
    if (event.kind === 'unreadable')
      throw new CommandError(exitCode.usage, `${event.path} cannot be read: ${event.reason}`);
    if (event.kind !== 'content') continue;
    const { path, text } = event;
    const parsed = parseFile(path, text, parse);
    const documents = parsed.kind === 'refused' ? [] : parsed.documents;
    const invalid =
      parsed.kind === 'refused' ||
      documents.some((document) => document.kind === 'invalid' || document.kind === 'unrecognised');
    if (invalid)
      throw new CommandError(exitCode.usage, `${path} has an error; see it with: meshtrust validate ${path}`);
    for (const document of documents)
      if (document.kind === 'mesh-trust')
        found.push({ resource: document.resource, path, text, remarks: document.remarks });
  }
  return found;
}

/**
 * Returns a function that reads all MeshTrusts of files and directories again at each call. What a pipe had counts for
 * all calls: it can be read only once.
 */
export function followResources(
  paths: readonly string[],
  parse: ParseOptions,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
): () => Promise<readonly FileResource[]> {
  let ofPipes: Promise<readonly FileResource[]> | undefined;
  let others: readonly string[] = paths;
  return async () => {
    if (ofPipes === undefined) {
      const once = await Promise.all(paths.map(isReadOnce));
      others = paths.filter((_, index) => once[index] !== true);
      const pipes = paths.filter((_, index) => once[index] === true);
      ofPipes = readResources(pipes, parse, io);
    }
    return [...(await ofPipes), ...(await readResources(others, parse, io))];
  };
}

/**
 * Replaces a file if it still has the given text. One command at a time changes a file.
 * @throws {CommandError} (negative) if the text is another one; (usage) if the file cannot be written.
 */
export async function writeResource({ path: named, text }: FileResource, next: string): Promise<void> {
  try {
    // A symbolic link is kept: servers may watch the file to which it points.
    const path = await targetOf(named);
    await withLock(path, lockMs, async () => {
      const bytes = await readRegularFile(path);
      if (!isUtf8(bytes) || bytes.toString('utf8') !== text)
        throw new CommandError(
          exitCode.negative,
          `refused: R55 conflict: ${named} was changed since this command read it; run the command again`,
        );
      await replaceFile(path, next);
    });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(exitCode.usage, `${named}: cannot be changed: ${reasonOf(error)}`);
  }
}
