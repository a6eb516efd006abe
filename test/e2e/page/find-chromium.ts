import { dirname, join } from 'node:path';
import { installedPath } from '../../../scripts/tools/install-tool.ts';
import { findTool } from '../../kit/find-tool.ts';
import { libraryPath } from '../../kit/library-path.ts';
import type { MissingTool } from '../../kit/missing-tool.ts';

/** A Chromium to run, with the environment that it needs, or why there is none. */
export type FoundChromium =
  | { readonly kind: 'found'; readonly path: string; readonly env: Readonly<Record<string, string>> }
  | MissingTool;

/**
 * Looks for Chromium: the one that `MESHTRUST_CHROMIUM` names, one on the PATH, or the installed one.
 * @throws {Error} as `findTool` does.
 */
export async function findChromium(): Promise<FoundChromium> {
  const found = await findTool('chromium', { variable: 'MESHTRUST_CHROMIUM', onPath: 'chromium' });
  if (found.kind === 'missing') return found;
  return { ...found, env: found.path === installedPath('chromium') ? await environmentOf(found.path) : {} };
}

/** Where an unpacked Chromium finds its libraries and fonts. */
async function environmentOf(path: string): Promise<Readonly<Record<string, string>>> {
  const usr = join(dirname(path), '../..');
  return { LD_LIBRARY_PATH: await libraryPath(usr), XDG_DATA_HOME: join(usr, 'share') };
}
