import { delimiter, join } from 'node:path';
import { installTool, isExecutable } from '../../scripts/tools/install-tool.ts';
import type { OnStep } from '../../scripts/tools/install-tool.ts';
import type { ToolName } from '../../scripts/tools/table.ts';
import { missingTool } from './missing-tool.ts';
import type { MissingTool } from './missing-tool.ts';

/** A program to run, or why it is missing. */
export type FoundTool = { readonly kind: 'found'; readonly path: string } | MissingTool;

/** Where a program may be, other than in `.cache`. */
export interface FindOptions {
  /** An environment variable that names the program. */
  readonly variable?: string;
  /** An environment variable that names the folder of the program. */
  readonly folderVariable?: string;
  /** The name on the PATH. By default the PATH is not searched, because a program there can have any version. */
  readonly onPath?: string;
}

let step: OnStep = () => undefined;

/** Reports the steps of installations from now on. */
export function onInstallStep(listener: OnStep): void {
  step = listener;
}

/**
 * Looks for a tool: the program that the variable names, one on the PATH, or the installed one. Installs it if
 * necessary.
 * @throws {Error} if the variable names something that cannot be executed, or if the tool is missing and `CI` is set:
 *   a skipped test must not look like a passed one there.
 */
export async function findTool(name: ToolName, options: FindOptions = {}): Promise<FoundTool> {
  const own = await findOwn(options);
  if (own !== undefined) return { kind: 'found', path: own };
  try {
    return { kind: 'found', path: await installTool(name, (what) => step(what)) };
  } catch (error) {
    return missingTool(`no ${name}`, error);
  }
}

/** Returns the path of a program that the user provides. */
export async function findOwn({
  variable,
  folderVariable,
  onPath,
}: FindOptions): Promise<string | undefined> {
  const named = variable === undefined ? '' : (process.env[variable] ?? '');
  if (named !== '') {
    if (await isExecutable(named)) return named;
    throw new Error(`${variable} is ${named}, which cannot be executed`);
  }
  if (onPath === undefined) return undefined;
  const folder = folderVariable === undefined ? '' : (process.env[folderVariable] ?? '');
  for (const one of [folder, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const path = join(one, onPath);
    if (one !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}
