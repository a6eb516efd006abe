import { delimiter, join } from 'node:path';
import { installChromium } from '../../../scripts/install-chromium.ts';
import type { InstalledChromium } from '../../../scripts/install-chromium.ts';
import { isExecutable } from '../../../scripts/install-envoy.ts';
import { missingTool } from '../../kit/missing-tool.ts';
import type { MissingTool } from '../../kit/missing-tool.ts';

/** A Chromium to run, or why there is none. */
export type FoundChromium = ({ readonly kind: 'found' } & InstalledChromium) | MissingTool;

/**
 * Looks for Chromium: what `MESHTRUST_CHROMIUM` names, one on the PATH, one unpacked before, or unpacked now.
 * @throws {Error} when the variable names something that is not there, or, with `CI` set, when there is none.
 */
export async function findChromium(): Promise<FoundChromium> {
  const named = process.env['MESHTRUST_CHROMIUM'] ?? '';
  if (named !== '') {
    if (await isExecutable(named)) return { kind: 'found', path: named, env: {} };
    throw new Error(`MESHTRUST_CHROMIUM is ${named}, which cannot be run`);
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'chromium');
    if (folder !== '' && (await isExecutable(path))) return { kind: 'found', path, env: {} };
  }
  try {
    return { kind: 'found', ...(await installChromium()) };
  } catch (error) {
    return missingTool('no Chromium: none on the PATH or in MESHTRUST_CHROMIUM', error);
  }
}
