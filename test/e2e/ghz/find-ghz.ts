import { delimiter, join } from 'node:path';
import { ghz } from '../../../scripts/install-ghz.ts';
import { installGoTool } from '../../../scripts/install-go-tool.ts';
import { isExecutable } from '../../../scripts/install-envoy.ts';
import { missingTool } from '../../kit/missing-tool.ts';
import type { MissingTool } from '../../kit/missing-tool.ts';

/** A ghz to run, or why there is none. */
export type FoundGhz = { readonly kind: 'found'; readonly path: string } | MissingTool;

/**
 * Looks for ghz: what `MESHTRUST_GHZ` names, one on the PATH, one built before, or one built now.
 * @throws {Error} when the variable names something that is not there, or, with `CI` set, when there is none:
 *   a skipped test must not look like a passed one there.
 */
export async function findGhz(): Promise<FoundGhz> {
  const named = process.env['MESHTRUST_GHZ'] ?? '';
  if (named !== '') {
    if (await isExecutable(named)) return { kind: 'found', path: named };
    throw new Error(`MESHTRUST_GHZ is ${named}, which cannot be run`);
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'ghz');
    if (folder !== '' && (await isExecutable(path))) return { kind: 'found', path };
  }
  try {
    return { kind: 'found', path: await installGoTool(ghz) };
  } catch (error) {
    return missingTool('no ghz: none on the PATH or in MESHTRUST_GHZ', error);
  }
}
